import type { Waitable } from '../pending.ts';
import { Pending } from '../pending.ts';

/** Read-only bytes under a copy-on-write file. `read` may throw `Pending`: the call is made again when it is ready. */
export interface Source {
  readonly size: number;
  /** Exactly `length` bytes at `offset`, both inside `size`. */
  read(offset: number, length: number): Uint8Array;
}

export function bytesSource(bytes: Uint8Array): Source {
  return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

/** Bytes that are made once, at the first read: fetched, or decompressed. `load` may return a promise or the bytes. */
export function lazySource(size: number, load: () => Uint8Array | Promise<Uint8Array>): Source {
  let bytes: Uint8Array | undefined;
  let failure: unknown;
  let loading: Promise<unknown> | undefined;
  const accept = (loaded: Uint8Array): Uint8Array => {
    if (loaded.length !== size) throw new RangeError(`a lazy file has ${loaded.length} bytes, not ${size}`);
    bytes = loaded;
    return loaded;
  };
  const wait: Waitable = { ready: () => loading ?? Promise.resolve() };
  return {
    size,
    read(offset, length) {
      if (!bytes) {
        if (failure !== undefined) throw failure;
        if (loading) throw new Pending([wait]);
        const loaded = load();
        if (loaded instanceof Promise) {
          loading = loaded.then(accept).catch((error: unknown) => {
            failure = error;
          });
          throw new Pending([wait]);
        }
        accept(loaded);
      }
      return bytes!.subarray(offset, offset + length);
    },
  };
}

/** Blocks fetched when they are first touched, for files too large to fetch whole. `fetchRange` is synchronous. */
export function rangeSource(
  size: number,
  fetchRange: (offset: number, length: number) => Uint8Array,
  blockBytes: number = 1 << 18,
): Source {
  const blocks = new Map<number, Uint8Array>();
  const block = (index: number): Uint8Array => {
    let bytes = blocks.get(index);
    if (!bytes) {
      const at = index * blockBytes;
      bytes = fetchRange(at, Math.min(blockBytes, size - at));
      blocks.set(index, bytes);
    }
    return bytes;
  };
  return {
    size,
    read(offset, length) {
      const first = Math.floor(offset / blockBytes);
      const inBlock = offset - first * blockBytes;
      if (inBlock + length <= blockBytes) return block(first).subarray(inBlock, inBlock + length);
      const joined = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const index = Math.floor((offset + done) / blockBytes);
        const from = offset + done - index * blockBytes;
        const part = block(index).subarray(from, from + length - done);
        joined.set(part, done);
        done += part.length;
      }
      return joined;
    },
  };
}
