import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * The bytes that `make` gave for the same `inputs` before, or that it gives now. Kept in the user's cache directory (XDG
 * Base Directory Specification), where deleting them is always safe. Calls for the same inputs in one process share one.
 */
export function cached(inputs: readonly string[], make: () => Promise<Uint8Array>): Promise<Uint8Array> {
  const key = createHash('sha256').update(JSON.stringify(inputs)).digest('hex');
  const known = underWay.get(key);
  if (known) return known;
  const bytes = readOrMake(join(cacheDirectory(), `${key}.wasm`), make).finally(() => underWay.delete(key));
  underWay.set(key, bytes);
  return bytes;
}

const underWay = new Map<string, Promise<Uint8Array>>();

async function readOrMake(path: string, make: () => Promise<Uint8Array>): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const bytes = await make();
  await mkdir(cacheDirectory(), { recursive: true });
  // Renamed into place, so that a reader never sees half a file and two writers do no harm.
  const temporary = `${path}.${randomUUID()}`;
  await writeFile(temporary, bytes);
  await rename(temporary, path);
  return bytes;
}

function cacheDirectory(): string {
  // An empty variable counts as unset (the specification's "Environment variables").
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'wigeon', 'programs');
}
