import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive } from '../processes/is-alive.ts';

const keepMilliseconds = 30 * 24 * 60 * 60 * 1000;

/**
 * Removes binaries that nobody has used for a month, and what builders that were killed left unfinished: each change of
 * a dependency leaves 140 MB behind.
 */
export async function pruneBuilds(builds: string, keep: string, now: number = Date.now()): Promise<void> {
  for (const name of await readdir(builds)) {
    if (name === keep) continue;
    const entry = join(builds, name);
    const builder = /\.new-(\d+)$/.exec(name)?.[1];
    const { mtimeMs } = await stat(entry).catch(() => ({ mtimeMs: now }));
    const abandoned = builder !== undefined && !isAlive(Number(builder));
    if (abandoned || now - mtimeMs > keepMilliseconds) await rm(entry, { recursive: true, force: true });
  }
}
