import * as wasi from '../abi.ts';
import { errno } from '../errno.ts';
import type { Source } from './source.ts';
import type { Usage } from './usage.ts';

/** Files are kept in pieces of this size, so growing one never copies it and holes cost nothing. */
export const CHUNK_BYTES: number = 1 << 16;
const FIRST_CAPACITY = 256;

interface Chunk {
  /** Shorter than CHUNK_BYTES in small files; what lies beyond reads as zeros. */
  bytes: Uint8Array;
  /** The tree's generation at the last write: what a delta checkpoint asks for. */
  generation: number;
}

/** The bytes of one in-memory file, copy-on-write over a read-only source. */
export class FileContent {
  readonly #usage: Usage;
  readonly chunks: Map<number, Chunk> = new Map();
  readonly source: Source | undefined;
  size: number;
  /** How much of the source still shows through where there is no chunk; truncation lowers it for good. */
  sourceSize: number;
  /** Generation of the last truncation: chunks may have vanished since. */
  cutGeneration = 0;
  /** Generation in which the file came into being; 0 for one of the bundle. */
  bornGeneration = 0;
  /** The source is not part of the bundle, so a saved state has to hold its bytes, too. */
  madeOutside = false;

  constructor(usage: Usage, source?: Source) {
    this.#usage = usage;
    this.source = source;
    this.size = source?.size ?? 0;
    this.sourceSize = this.size;
  }

  read(position: number, into: Uint8Array, start: number, length: number): number {
    const total = Math.min(length, this.size - position);
    if (total <= 0) return 0;
    let done = 0;
    while (done < total) {
      const at = position + done;
      const index = Math.floor(at / CHUNK_BYTES);
      const inChunk = at - index * CHUNK_BYTES;
      const wanted = Math.min(CHUNK_BYTES - inChunk, total - done);
      const chunk = this.chunks.get(index);
      const held = chunk
        ? copy(chunk.bytes, inChunk, into, start + done, wanted)
        : this.#readSource(at, into, start + done, wanted);
      if (held < wanted) into.fill(0, start + done + held, start + done + wanted);
      done += wanted;
    }
    return total;
  }

  /** Writes until done or until the quota is used up; `nospc` only when not one byte found room. */
  write(position: number, from: Uint8Array, start: number, length: number, generation: number): number {
    if (position + length > Number.MAX_SAFE_INTEGER) throw errno(wasi.ERRNO_FBIG);
    // Writing nothing behind the end does not make the file longer.
    if (length === 0) return 0;
    let done = 0;
    while (done < length) {
      const at = position + done;
      const index = Math.floor(at / CHUNK_BYTES);
      const inChunk = at - index * CHUNK_BYTES;
      const chunk = this.#chunk(index, Math.min(CHUNK_BYTES, inChunk + length - done), generation);
      const room = Math.min(chunk.bytes.length - inChunk, length - done);
      if (room <= 0) break;
      copy(from, start + done, chunk.bytes, inChunk, room);
      chunk.generation = generation;
      done += room;
    }
    if (done === 0) throw errno(wasi.ERRNO_NOSPC);
    this.size = Math.max(this.size, position + done);
    return done;
  }

  truncate(size: number, generation: number): void {
    if (size < this.size) {
      this.cutGeneration = generation;
      this.sourceSize = Math.min(this.sourceSize, size);
      const last = Math.floor(size / CHUNK_BYTES);
      for (const [index, chunk] of this.chunks) {
        if (index > last) this.#drop(index, chunk);
        else if (index === last) {
          chunk.bytes.fill(0, size - last * CHUNK_BYTES);
          chunk.generation = generation;
        }
      }
    }
    this.size = size;
  }

  /** Copies of all pieces that a saved state needs: those written after `since`, and an outside source's. */
  *pieces(since: number, sourceToo: boolean): Iterable<readonly [index: number, bytes: Uint8Array]> {
    for (const [index, chunk] of this.chunks) if (chunk.generation > since) yield [index, chunk.bytes.slice()];
    if (!this.madeOutside || !sourceToo) return;
    for (let index = 0; index * CHUNK_BYTES < this.sourceSize; index++) {
      if (this.chunks.has(index)) continue;
      const length = Math.min(CHUNK_BYTES, this.sourceSize - index * CHUNK_BYTES);
      yield [index, this.source!.read(index * CHUNK_BYTES, length).slice()];
    }
  }

  /** Gives all space back; the content must not be used afterwards. */
  free(): void {
    for (const [index, chunk] of this.chunks) this.#drop(index, chunk);
  }

  /** Puts back a piece from a saved state. */
  putChunk(index: number, bytes: Uint8Array, generation: number): void {
    const old = this.chunks.get(index);
    this.#usage.take(bytes.length - (old?.bytes.length ?? 0), true);
    this.chunks.set(index, { bytes: bytes.slice(), generation });
  }

  /** The chunk, grown to at least `needed` bytes as far as the quota allows. */
  #chunk(index: number, needed: number, generation: number): Chunk {
    const chunk = this.chunks.get(index);
    const held = chunk?.bytes.length ?? 0;
    if (chunk && held >= needed) return chunk;
    const under = chunk ? 0 : Math.min(CHUNK_BYTES, Math.max(0, this.sourceSize - index * CHUNK_BYTES));
    const wanted = index > 0 ? CHUNK_BYTES : Math.min(CHUNK_BYTES, Math.max(needed, under, held * 2, FIRST_CAPACITY));
    // Before anything is counted: a source that is not there yet ends the call with `Pending`.
    const base = under > 0 ? this.source!.read(index * CHUNK_BYTES, under) : undefined;
    const granted = this.#usage.take(wanted - held);
    if (held + granted < under) {
      // Part of a page would hide the rest of the source under it: all or nothing.
      this.#usage.give(granted);
      throw errno(wasi.ERRNO_NOSPC);
    }
    const bytes = new Uint8Array(held + granted);
    if (chunk) bytes.set(chunk.bytes);
    else if (base) bytes.set(base);
    if (chunk) {
      chunk.bytes = bytes;
      return chunk;
    }
    const fresh = { bytes, generation };
    if (bytes.length > 0) this.chunks.set(index, fresh);
    return fresh;
  }

  #drop(index: number, chunk: Chunk): void {
    this.#usage.give(chunk.bytes.length);
    this.chunks.delete(index);
  }

  #readSource(position: number, into: Uint8Array, start: number, wanted: number): number {
    const length = Math.min(wanted, this.sourceSize - position);
    if (length <= 0) return 0;
    into.set(this.source!.read(position, length), start);
    return length;
  }
}

/** Copies what `from` has, at most `length` bytes; for a few bytes a loop beats making a view. */
function copy(from: Uint8Array, start: number, into: Uint8Array, at: number, length: number): number {
  const count = Math.min(length, from.length - start);
  if (count <= 0) return 0;
  if (count <= 32) for (let i = 0; i < count; i++) into[at + i] = from[start + i]!;
  else into.set(from.subarray(start, start + count), at);
  return count;
}
