import { Worker } from 'node:worker_threads';
import { type LayerLimits, OciError, type OciErrorCode } from '@wigeon/oci-client';
import type { WriteLayerOptions } from './write-layer.ts';

/** To the thread: what to do, then pieces of the layer, then the end. */
export type ToWriter = { readonly piece: Uint8Array } | { readonly end: true };

export interface WriterData {
  readonly directory: string;
  readonly diffId: string | undefined;
  readonly limits: LayerLimits;
}

/** From the thread. What it has used up may be sent anew; `bytes` and `entries` are what it unpacked since. */
export type FromWriter =
  | { readonly type: 'used'; readonly input: number; readonly entries: number; readonly bytes: number }
  | { readonly type: 'done' }
  | {
      readonly type: 'failed';
      readonly message: string;
      readonly code: OciErrorCode | undefined;
      readonly retryable: boolean;
    };

const PIECE = 256 * 1024;
// How much may be under way between the threads.
const WINDOW = 2 * 1024 * 1024;

/**
 * As `writeLayer`, in a thread of its own: decompressing and hashing a large layer takes a second and more, in which the
 * node has agents to answer. Its young heap is small because buffers of the pipeline are freed with it.
 */
export async function writeLayerInThread(
  directory: string,
  source: AsyncIterable<Uint8Array>,
  { diffId, budget, signal }: WriteLayerOptions,
): Promise<void> {
  const workerData: WriterData = { directory, diffId, limits: budget.limits };
  const worker = new Worker(new URL('./write-layer.worker.ts', import.meta.url), {
    workerData,
    resourceLimits: { maxYoungGenerationSizeMb: 2 },
  });
  let underWay = 0;
  let room = Promise.withResolvers<void>();
  const result = Promise.withResolvers<void>();
  result.promise.catch(() => {});
  worker.on('message', (message: FromWriter) => {
    if (message.type === 'done') return result.resolve();
    if (message.type === 'failed') return result.reject(asError(message));
    underWay -= message.input;
    room.resolve();
    try {
      budget.addEntries(message.entries);
      budget.addBytes(message.bytes, 0, 0);
    } catch (error) {
      result.reject(error);
    }
  });
  worker.on('error', (error) => result.reject(error));
  worker.on('exit', (code) => result.reject(new Error(`the unpacking thread ended with ${code}`)));
  const onAbort = (): void => result.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const send = async (bytes: Uint8Array): Promise<void> => {
    while (underWay >= WINDOW) {
      room = Promise.withResolvers();
      await Promise.race([room.promise, result.promise]);
    }
    underWay += bytes.length;
    const piece = bytes.slice();
    worker.postMessage({ piece } satisfies ToWriter, [piece.buffer]);
  };
  try {
    signal.throwIfAborted();
    for await (const piece of inPieces(source)) await send(piece);
    worker.postMessage({ end: true } satisfies ToWriter);
    await result.promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
    await worker.terminate();
  }
}

async function* inPieces(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const held = new Uint8Array(PIECE);
  let length = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + PIECE - length);
      held.set(part, length);
      length += part.length;
      at += part.length;
      if (length < PIECE) continue;
      yield held;
      length = 0;
    }
  }
  if (length > 0) yield held.subarray(0, length);
}

function asError({ message, code, retryable }: Extract<FromWriter, { type: 'failed' }>): Error {
  return code === undefined ? new Error(message) : new OciError(code, message, { retryable });
}
