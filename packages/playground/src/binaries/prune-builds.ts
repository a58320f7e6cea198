import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

const keepMilliseconds = 30 * 24 * 60 * 60 * 1000;

/** Removes binaries that nobody has used for a month: each change of a dependency leaves 140 MB behind. */
export async function pruneBuilds(builds: string, keep: string, now: number = Date.now()): Promise<void> {
  for (const name of await readdir(builds)) {
    if (name === keep) continue;
    const entry = join(builds, name);
    const { mtimeMs } = await stat(entry).catch(() => ({ mtimeMs: now }));
    if (now - mtimeMs > keepMilliseconds) await rm(entry, { recursive: true, force: true });
  }
}
