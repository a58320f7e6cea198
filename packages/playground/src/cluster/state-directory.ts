// Where a playground keeps its files, and how those of launchers that crashed go away.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive } from '../processes/is-alive.ts';

const prefix = 'wigeon-playground-';

/** Makes a new folder below `parent`, whose name says which process it belongs to. */
export function createStateDirectory(parent: string): Promise<string> {
  return mkdtemp(join(parent, `${prefix}${process.pid}-`));
}

/** Removes the folders below `parent` whose launchers no longer run. */
export async function removeStaleStateDirectories(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) await removeStateDirectory(join(parent, name));
  }
}

/** Removes a folder; one that belongs to another user is left to that user. */
export async function removeStateDirectory(directory: string): Promise<void> {
  try {
    // A component that is dying may still create files: then the folder is not empty at the first try.
    await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EPERM' && code !== 'EACCES') throw error;
  }
}
