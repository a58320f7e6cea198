import { Transform, type TransformCallback } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { ZstdFrameCutter } from '../layers/zstd-frames.ts';

export type Compression = 'none' | 'gzip' | 'zstd';

/** How bytes are compressed, told by their first four; media types are often wrong. */
export function sniffCompression(head: Uint8Array): Compression {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  if (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd) return 'zstd';
  // A zstd:chunked layer may begin with a skippable frame.
  if ((head[0]! & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18) return 'zstd';
  return 'none';
}

// Node's 16 KiB cost a trip to the thread pool each.
const OUTPUT_SIZE = 256 * 1024;

/** Yields the uncompressed bytes, in pieces, of whichever compression the first bytes tell. */
export async function* decompress(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const { head, rest } = await peek(source);
  const compression = sniffCompression(head);
  if (compression === 'none') {
    yield* rest;
    return;
  }
  const options = { chunkSize: OUTPUT_SIZE };
  const decoder = compression === 'gzip' ? createGunzip(options) : createZstdDecompress(options);
  const cutter = compression === 'zstd' ? new FrameStream() : undefined;
  if (cutter) cutter.pipe(decoder);
  cutter?.on('error', (error) => decoder.destroy(error));
  const input = cutter ?? decoder;
  let failure: { readonly cause: unknown } | undefined;
  const feeding = (async () => {
    for await (const chunk of rest) {
      if (decoder.destroyed) return;
      if (!input.write(chunk)) await drained(input, decoder);
    }
    input.end();
  })().catch((cause: unknown) => {
    failure = { cause };
    decoder.destroy(cause instanceof Error ? cause : new Error(String(cause)));
  });
  try {
    for await (const chunk of decoder) yield chunk as Uint8Array;
    await feeding;
  } catch (error) {
    // What broke the source tells more than the decoder's early end.
    throw failure ? failure.cause : error;
  } finally {
    decoder.destroy();
    cutter?.destroy();
    await feeding;
  }
}

/** Resolves when there is room again, or when nobody will make any. */
function drained(input: Transform, decoder: Transform): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      input.off('drain', done);
      decoder.off('close', done);
      resolve();
    };
    input.on('drain', done);
    decoder.on('close', done);
    if (decoder.destroyed) done();
  });
}

class FrameStream extends Transform {
  readonly #cutter = new ZstdFrameCutter();

  override _transform(chunk: Uint8Array, _encoding: string, callback: TransformCallback): void {
    try {
      for (const piece of this.#cutter.cut(chunk)) this.push(piece);
      callback();
    } catch (error) {
      callback(error as Error);
    }
  }

  override _flush(callback: TransformCallback): void {
    try {
      this.#cutter.finish();
      callback();
    } catch (error) {
      callback(error as Error);
    }
  }
}

async function peek(source: AsyncIterable<Uint8Array>): Promise<{ head: Uint8Array; rest: AsyncIterable<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  let length = 0;
  while (length < 4) {
    const { done, value } = await iterator.next();
    if (done) break;
    first.push(value);
    length += value.length;
  }
  const head = first.length === 1 ? first[0]! : new Uint8Array(Buffer.concat(first));
  const rest = (async function* () {
    try {
      if (head.length > 0) yield head;
      for (;;) {
        const { done, value } = await iterator.next();
        if (done) return;
        yield value;
      }
    } finally {
      await iterator.return?.();
    }
  })();
  return { head, rest };
}
