import { readFile } from 'node:fs/promises';
import wabt from 'wabt';

/** The module of the first pod, assembled from its source. */
export async function helloModule(): Promise<Uint8Array> {
  const source = await readFile(new URL('../../programs/hello.wat', import.meta.url), 'utf8');
  const { parseWat } = await wabt();
  const parsed = parseWat('hello.wat', source);
  try {
    return parsed.toBinary({}).buffer;
  } finally {
    parsed.destroy();
  }
}
