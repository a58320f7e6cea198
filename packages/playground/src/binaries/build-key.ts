// What the binary is made of, as a name in the cache.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { KubernetesRelease } from './kubernetes-release.ts';

/** What the compiler is told; part of the key, as other flags make another binary. */
export interface GoFlags {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** The components read their version from the linker; without it their checks of emulated versions misbehave. */
export function goFlags(release: KubernetesRelease): GoFlags {
  const version = 'k8s.io/component-base/version';
  const [major, minor] = release.minor.split('.');
  const ldflags = [
    '-s -w',
    `-X ${version}.gitVersion=${release.gitVersion}`,
    `-X ${version}.gitMajor=${major}`,
    `-X ${version}.gitMinor=${minor}`,
  ].join(' ');
  return {
    // No VCS stamp: it would make another binary of each commit, and needs git.
    args: ['-trimpath', '-buildvcs=false', `-modfile=${release.moduleFile}`, '-ldflags', ldflags],
    // A go.work above the checkout is somebody else's and would replace our module graph.
    environment: { CGO_ENABLED: '0', GOWORK: 'off' },
  };
}

/** A name such as `1.36-linux-x64-0f1e2d3c4b5a6978` that changes with everything the binary depends on. */
export async function buildKey(source: string, release: KubernetesRelease, flags: GoFlags): Promise<string> {
  const hash = createHash('sha256');
  for (const name of ['main.go', release.moduleFile, release.checksumFile]) {
    const content = await readFile(join(source, name));
    hash.update(`${name}\0${content.length}\0`).update(content);
  }
  hash.update(JSON.stringify([flags.args, flags.environment]));
  return [release.minor, process.platform, process.arch, hash.digest('hex').slice(0, 16)].join('-');
}

/** `$XDG_CACHE_HOME/wigeon`, or `~/.cache/wigeon`; the XDG specification says to ignore a relative path. */
export function cacheDirectory(environment: NodeJS.ProcessEnv): string {
  const base = environment.XDG_CACHE_HOME;
  return join(base?.startsWith('/') ? base : join(environment.HOME || homedir(), '.cache'), 'wigeon');
}
