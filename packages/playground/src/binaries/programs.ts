// Which file runs each component: one of KUBEBUILDER_ASSETS, or the Go program of this package.
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { PlaygroundError } from '../error.ts';
import { type BuildOptions, buildKube } from './build.ts';
import { type KubernetesVersion, kubernetesRelease } from './kubernetes-release.ts';

/** The programs of a playground; each name is the file name in KUBEBUILDER_ASSETS and the subcommand of our binary. */
export const componentNames = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubectl',
  'registry',
] as const;
export type ComponentName = (typeof componentNames)[number];

/** How to start a component. */
export interface Program {
  readonly command: string;
  /** What stands before the component's own arguments. */
  readonly args: readonly string[];
  /** True if it is our Go program, which can watch its own lifeline. */
  readonly ours: boolean;
}

export type Programs = Readonly<Record<ComponentName, Program>>;

// What the envtest tools have in the folder: without these it is a mistake, the others may come from our binary.
const required: readonly ComponentName[] = ['etcd', 'kube-apiserver', 'kubectl'];

/**
 * Finds or builds everything a playground runs. With a complete KUBEBUILDER_ASSETS nothing is built.
 *
 * Rejects with `assets_incomplete` if that folder lacks a program, else with the errors of `buildKube`.
 */
export async function findPrograms(version: KubernetesVersion, options: BuildOptions = {}): Promise<Programs> {
  const assets = (options.environment ?? process.env).KUBEBUILDER_ASSETS;
  const given = assets ? await programsIn(assets) : new Map<ComponentName, Program>();
  if (given.size > 0) {
    options.log?.(`using ${[...given.keys()].join(', ')} of KUBEBUILDER_ASSETS, whatever their version`);
  }
  const entries: [ComponentName, Program][] = [];
  let kube: string | undefined;
  for (const name of componentNames) {
    const program = given.get(name);
    if (program === undefined) kube ??= await buildKube(await kubernetesRelease(version), options);
    entries.push([name, program ?? { command: kube!, args: [name], ours: true }]);
  }
  return Object.fromEntries(entries) as Programs;
}

async function programsIn(assets: string): Promise<Map<ComponentName, Program>> {
  const found = new Map<ComponentName, Program>();
  for (const name of componentNames) {
    const command = join(assets, name);
    if (await isExecutable(command)) found.set(name, { command, args: [], ours: false });
  }
  const missing = required.filter((name) => !found.has(name));
  if (missing.length > 0) {
    throw new PlaygroundError(
      'assets_incomplete',
      `KUBEBUILDER_ASSETS names ${assets}, where ${missing.join(', ')} cannot be found or executed. ` +
        'Put the missing programs there, or unset KUBEBUILDER_ASSETS to have the control plane built.',
    );
  }
  return found;
}

function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
