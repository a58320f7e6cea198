import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Makes what was renamed into a directory, or removed from it, survive a loss of power. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes a file so that its name means either the old content or all of the new. */
export async function writeDurably(
  path: string,
  temporary: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  try {
    const handle = await open(temporary, 'wx+', 0o600);
    try {
      await write(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Names under one directory for what is not complete yet; emptied when the store opens. */
export class TemporaryNames {
  readonly #directory: string;
  #next = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Forgets what an earlier process left unfinished. */
  async reset(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
    await mkdir(this.#directory, { recursive: true });
  }

  next(): string {
    return join(this.#directory, `${process.pid}-${this.#next++}`);
  }
}
