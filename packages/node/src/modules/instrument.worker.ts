// Instruments one module after the other, off the main thread: a module of 26 MB takes about a second.
import { readFile } from 'node:fs/promises';
import { parentPort } from 'node:worker_threads';
import { instrument, SuspendError } from '@wigeon/suspend';

export interface InstrumentTask {
  readonly id: number;
  readonly path: string;
  readonly offset: number;
  readonly size: number;
  readonly digest: string;
}

export type InstrumentAnswer =
  | { readonly id: number; readonly bytes: Uint8Array<ArrayBuffer> }
  /** `refused`: the engine cannot make this module suspendable, and says why. */
  | { readonly id: number; readonly refused: string };

const port = parentPort;
if (!port) throw new Error('this file runs as a worker');
port.on('message', async ({ id, path, offset, size, digest }: InstrumentTask) => {
  try {
    const file = await readFile(path);
    const module = file.subarray(offset, offset + size);
    const { bytes } = instrument(module, { digest: digest.replace(/^sha256:/, '') });
    port.postMessage({ id, bytes } satisfies InstrumentAnswer, [bytes.buffer]);
  } catch (error) {
    const why =
      error instanceof SuspendError
        ? `${error.code}: ${error.message}`
        : error instanceof Error
          ? error.message
          : String(error);
    port.postMessage({ id, refused: why } satisfies InstrumentAnswer);
  }
});
