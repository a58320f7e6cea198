// One builder at a time among all processes of a machine: the others wait and then find the result in the cache.
import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive } from '../processes/is-alive.ts';

const heartbeatMilliseconds = 5_000;
const staleMilliseconds = 30_000;
const pollMilliseconds = 200;

export interface BuildLockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once when somebody else holds the lock. */
  readonly onWait?: (holder: string) => void;
}

/**
 * Resolves when this process holds the lock file; dispose it to let the next one in.
 *
 * A holder that died is recognised by its process id, or, on a cache shared between machines, by its missing heartbeat.
 */
export async function acquireBuildLock(file: string, options: BuildLockOptions = {}): Promise<AsyncDisposable> {
  await mkdir(dirname(file), { recursive: true });
  let waiting = false;
  for (;;) {
    options.signal?.throwIfAborted();
    if (await create(file)) return hold(file);
    const holder = await readHolder(file);
    if (holder === undefined) continue;
    if (holder.stale) {
      await breakLock(file);
      continue;
    }
    if (!waiting) options.onWait?.(holder.name);
    waiting = true;
    await delay(pollMilliseconds, undefined, { signal: options.signal });
  }
}

async function create(file: string): Promise<boolean> {
  try {
    await writeFile(file, `${process.pid} ${hostname()}`, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function hold(file: string): AsyncDisposable {
  const heartbeat = setInterval(() => {
    const now = new Date();
    // Fails only if the cache was removed meanwhile, and then there is nothing left to protect.
    utimes(file, now, now).catch(() => {});
  }, heartbeatMilliseconds);
  heartbeat.unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(heartbeat);
      await rm(file, { force: true });
    },
  };
}

/** Who holds the lock, or nothing if it was released in this moment. */
async function readHolder(file: string): Promise<{ name: string; stale: boolean } | undefined> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(file, 'utf8'), stat(file)]);
    const [pid, host] = text.split(' ');
    const dead = host === hostname() && !isAlive(Number(pid));
    return { name: `process ${pid}`, stale: dead || Date.now() - mtimeMs > staleMilliseconds };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

// Renaming lets one of several waiters win. Two that judged the same corpse a moment apart can still both go on, which
// costs a second build and nothing else: results are moved into place whole.
async function breakLock(file: string): Promise<void> {
  const grave = `${file}.dead-${process.pid}`;
  try {
    await rename(file, grave);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  await rm(grave, { force: true });
}
