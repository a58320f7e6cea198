// Which Kubernetes the Go program is built with: one go.mod for each minor release, next to the one main.go.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PlaygroundError } from '../error.ts';

/** The folder of the Go program. */
export const sourceDirectory: string = join(import.meta.dirname, '..', '..', 'kube');

const moduleFiles = { '1.36': 'go.mod', '1.34': 'go-1.34.mod' } as const;

/** A minor release of Kubernetes that the playground can be built with. */
export type KubernetesVersion = keyof typeof moduleFiles;

/** All of them; the first is the default. */
export const kubernetesVersions: readonly KubernetesVersion[] = Object.keys(moduleFiles) as KubernetesVersion[];

export interface KubernetesRelease {
  readonly minor: KubernetesVersion;
  /** The patch release, such as `v1.36.4`. */
  readonly gitVersion: string;
  /** Name of the go.mod in `sourceDirectory`. */
  readonly moduleFile: string;
  /** Name of the go.sum that belongs to it. */
  readonly checksumFile: string;
}

/** Reads the patch release out of the module file, so that it is written in one place only. */
export async function kubernetesRelease(version: string): Promise<KubernetesRelease> {
  if (!isSupported(version)) {
    throw new PlaygroundError(
      'kubernetes_unsupported',
      `Kubernetes ${version} is not one of the releases the playground knows: ${kubernetesVersions.join(', ')}`,
    );
  }
  const moduleFile = moduleFiles[version];
  const text = await readFile(join(sourceDirectory, moduleFile), 'utf8');
  const gitVersion = /^\s*k8s\.io\/kubernetes (v\d+\.\d+\.\d+)$/m.exec(text)?.[1];
  if (!gitVersion?.startsWith(`v${version}.`)) {
    throw new PlaygroundError('build_failed', `${moduleFile} does not require k8s.io/kubernetes v${version}.x`);
  }
  return { minor: version, gitVersion, moduleFile, checksumFile: moduleFile.replace(/mod$/, 'sum') };
}

function isSupported(version: string): version is KubernetesVersion {
  return Object.hasOwn(moduleFiles, version);
}
