// Builds Go programs once and keeps them in the user's cache.
import { access, mkdir, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { PlaygroundError } from '../error.ts';
import { buildKey, cacheDirectory, type GoFlags, goFlags } from './build-key.ts';
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
  const { environment = process.env, source = sourceDirectory } = options;
  const flags = goFlags(release);
  const folder = await buildOnce(
    {
      what: `Kubernetes ${release.gitVersion}`,
      duration: 'about five minutes on two cores',
      builds: join(cacheDirectory(environment), 'kube'),
      key: await buildKey(source, release, flags),
      flags,
      source,
      packages: ['.'],
      output: 'kube',
    },
    options,
  );
  return join(folder, 'kube');
}

/** Something that `go build` makes, and where it is kept. */
export interface CachedBuild {
  /** For people. */
  readonly what: string;
  readonly duration: string;
  /** The folder with a subfolder for each key. */
  readonly builds: string;
  /** Changes with everything that the result depends on. */
  readonly key: string;
  readonly flags: GoFlags;
  /** The folder of the Go module. */
  readonly source: string;
  readonly packages: readonly string[];
  /** Name of the program in the result's folder, or `.` if each package has a name of its own. */
  readonly output: string;
}

/** Returns the folder with the result; one process builds it, once. Rejects as `buildKube` does. */
export async function buildOnce(build: CachedBuild, options: BuildOptions = {}): Promise<string> {
  const { signal, log = () => {}, environment = process.env } = options;
  const { what, builds, key } = build;
  const folder = join(builds, key);
  if (await useCached(folder)) return folder;

  const go = await checkGo(environment);
  try {
    await using _lock = await acquireBuildLock(join(builds, `${key}.lock`), {
      signal,
      onWait: (holder) => log(`waiting for ${holder}, which is building ${what}`),
    });
    if (await useCached(folder)) return folder;
    log(`building ${what} with ${go}; only the first time, ${build.duration}`);
    const started = performance.now();
    await buildInto(folder, build, {
      args: build.flags.args,
      source: build.source,
      packages: build.packages,
      environment: { ...environment, ...build.flags.environment },
      signal,
      log,
    });
    log(`built ${what} in ${Math.round((performance.now() - started) / 1000)} s`);
    await pruneBuilds(builds, key);
    return folder;
  } catch (cause) {
    if (signal?.aborted) throw new PlaygroundError('aborted', `Building ${what} was cancelled`, { cause });
    throw cause;
  }
}

async function buildInto(final: string, { output }: CachedBuild, build: GoBuild): Promise<void> {
  const unfinished = `${final}.new-${process.pid}`;
  try {
    await mkdir(unfinished, { recursive: true });
    // The slash tells the compiler that it is a folder.
    await runGoBuild(build, output === '.' ? `${unfinished}/` : join(unfinished, output));
    await moveIntoPlace(unfinished, final);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** Whether the result is there; says by its folder's time that it is still of use. */
async function useCached(folder: string): Promise<boolean> {
  try {
    await access(folder);
    const now = new Date();
    await utimes(folder, now, now);
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
