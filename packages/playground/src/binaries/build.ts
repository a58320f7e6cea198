// Builds the Go program once and keeps it in the user's cache.
import { access, mkdir, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { PlaygroundError } from '../error.ts';
import { buildKey, cacheDirectory, goFlags } from './build-key.ts';
import { acquireBuildLock } from './build-lock.ts';
import { checkGo } from './go.ts';
import { type GoBuild, runGoBuild } from './go-build.ts';
import { type KubernetesRelease, sourceDirectory } from './kubernetes-release.ts';
import { pruneBuilds } from './prune-builds.ts';

export interface BuildOptions {
  readonly signal?: AbortSignal | undefined;
  /** Gets a line when something begins, ends, or has taken long. */
  readonly log?: ((line: string) => void) | undefined;
  /** Where `PATH`, `HOME` and `XDG_CACHE_HOME` are read; default `process.env`. */
  readonly environment?: NodeJS.ProcessEnv;
  /** The folder with main.go and the module files; default the one of this package. */
  readonly source?: string;
}

/**
 * Returns the path of the binary for a release, building it if the cache does not have it.
 *
 * The first build takes minutes. Several processes may call this at the same time; one builds.
 * Rejects with `go_missing`, `go_too_old` or `build_failed`.
 */
export async function buildKube(release: KubernetesRelease, options: BuildOptions = {}): Promise<string> {
  const { signal, log = () => {}, environment = process.env, source = sourceDirectory } = options;
  const flags = goFlags(release);
  const builds = join(cacheDirectory(environment), 'kube');
  const key = await buildKey(source, release, flags);
  const binary = join(builds, key, 'kube');
  if (await useCached(binary)) return binary;

  const go = await checkGo(environment);
  try {
    await using _lock = await acquireBuildLock(join(builds, `${key}.lock`), {
      signal,
      onWait: (holder) => log(`waiting for ${holder}, which is building Kubernetes ${release.gitVersion}`),
    });
    if (await useCached(binary)) return binary;
    log(`building Kubernetes ${release.gitVersion} with ${go}; only the first time, about five minutes on two cores`);
    const started = performance.now();
    const build = { args: flags.args, source, environment: { ...environment, ...flags.environment }, signal, log };
    await buildInto(join(builds, key), build);
    log(`built Kubernetes ${release.gitVersion} in ${Math.round((performance.now() - started) / 1000)} s`);
    await pruneBuilds(builds, key);
    return binary;
  } catch (cause) {
    if (signal?.aborted) throw new PlaygroundError('aborted', 'Building Kubernetes was cancelled', { cause });
    throw cause;
  }
}

async function buildInto(final: string, build: GoBuild): Promise<void> {
  const unfinished = `${final}.new-${process.pid}`;
  try {
    await mkdir(unfinished, { recursive: true });
    await runGoBuild(build, join(unfinished, 'kube'));
    await moveIntoPlace(unfinished, final);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** Whether the binary is there; says by its folder's time that it is still of use. */
async function useCached(binary: string): Promise<boolean> {
  try {
    await access(binary);
    const now = new Date();
    await utimes(join(binary, '..'), now, now);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return false;
    // A cache that we may only read serves as well.
    if (code === 'EROFS' || code === 'EPERM' || code === 'EACCES') return true;
    throw error;
  }
}

/** What has the final name is complete; if another builder was faster, its result is as good as ours. */
async function moveIntoPlace(unfinished: string, final: string): Promise<void> {
  try {
    await rename(unfinished, final);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
  }
}
