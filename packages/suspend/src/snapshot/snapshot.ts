import { exported } from '../instrument/names.ts';
import { SuspendError } from '../module/error.ts';
import type { Program } from '../runtime/program.ts';
import { type DecodeLimits, decodeSnapshot, encodeSnapshot, type PageRun, type Snapshot } from './format.ts';
import { hashPages, pageBytes } from './page-hash.ts';
import { captureState, restoreState } from './state.ts';

/** What a delta needs to know of an earlier snapshot: its name and the hashes of its pages. */
export interface SnapshotBase {
  readonly id: string;
  readonly hashes: readonly BigUint64Array[];
}

export interface TakeOptions {
  /** The host's own state, kept as it is. */
  readonly host?: Uint8Array;
  /** Write only pages that differ from this snapshot; whoever restores must have it. */
  readonly base?: SnapshotBase;
}

/**
 * A suspended program as bytes, uncompressed (see compressSnapshot), and what the next delta can build on. Synchronous.
 * Throws `bad-state` if the program is not suspended, `snapshot-unsupported` where a value has no portable form.
 */
export function takeSnapshot(
  program: Program,
  options: TakeOptions = {},
): { bytes: Uint8Array<ArrayBuffer>; base: SnapshotBase } {
  const state = captureState(program);
  const hashes = state.memories.map((_, i) =>
    hashPages(program.instance.exports[exported.memory(i)] as WebAssembly.Memory),
  );
  const id = nameOf(hashes);
  const memories = state.memories.map((bytes, i) => ({
    bytes: bytes.length,
    runs: changedRuns(bytes, hashes[i]!, options.base?.hashes[i]),
  }));
  const snapshot: Snapshot = {
    ...state,
    id,
    base: options.base?.id,
    memories,
    host: options.host ?? new Uint8Array(0),
  };
  return { bytes: encodeSnapshot(snapshot), base: { id, hashes } };
}

/**
 * Puts a snapshot into a program that has not begun and returns the host's section. For a delta, `bases` are the bytes
 * of the full snapshot it builds on and of the deltas between, oldest first.
 */
export function restoreSnapshot(
  program: Program,
  bytes: Uint8Array,
  bases: readonly Uint8Array[] = [],
  limits: DecodeLimits = {},
): Uint8Array {
  const chain = [...bases, bytes].map((each) => decodeSnapshot(each, limits));
  const last = chain.at(-1)!;
  restoreState(program, { ...last, memories: assembleMemories(chain) });
  return last.host;
}

/** The memories of the last snapshot of a chain that begins with a full one. */
export function assembleMemories(chain: readonly Snapshot[]): Uint8Array[] {
  chain.forEach((snapshot, i) => {
    const before = chain[i - 1];
    if (snapshot.base !== before?.id) {
      throw new SuspendError(
        'snapshot-mismatch',
        snapshot.base === undefined
          ? `snapshot ${snapshot.id} is full but has a base`
          : `snapshot ${snapshot.id} builds on ${snapshot.base}, not on ${before?.id ?? 'nothing'}`,
      );
    }
    if (before && before.module !== snapshot.module)
      throw new SuspendError('snapshot-mismatch', 'snapshots of two modules');
  });
  return chain.at(-1)!.memories.map(({ bytes: size }, i) => {
    const bytes = new Uint8Array(size);
    for (const { memories } of chain) {
      for (const run of memories[i]?.runs ?? []) bytes.set(run.bytes, run.page * pageBytes);
    }
    return bytes;
  });
}

function changedRuns(bytes: Uint8Array, hashes: BigUint64Array, base: BigUint64Array | undefined): PageRun[] {
  const runs: PageRun[] = [];
  const zero = zeroHash();
  let start = -1;
  const pages = bytes.length / pageBytes;
  for (let page = 0; page <= pages; page++) {
    const known = base !== undefined && page * 2 < base.length;
    // A page beyond the base's end is compared with the zeros that growing gave.
    const a = known ? base[page * 2] : zero[0];
    const b = known ? base[page * 2 + 1] : zero[1];
    const changed = page < pages && (hashes[page * 2] !== a || hashes[page * 2 + 1] !== b);
    if (changed && start < 0) start = page;
    if (!changed && start >= 0) {
      runs.push({ page: start, bytes: bytes.subarray(start * pageBytes, page * pageBytes) });
      start = -1;
    }
  }
  return runs;
}

let zeros: BigUint64Array | undefined;

function zeroHash(): BigUint64Array {
  zeros ??= hashPages(new WebAssembly.Memory({ initial: 1 })).slice(0, 2);
  return zeros;
}

/** A name for a state of memory, from its hashes. */
function nameOf(hashes: readonly BigUint64Array[]): string {
  let words = 0;
  // 32-bit halves with Math.imul: BigInt products for each page would cost more than the hashing.
  let low = 0x811c9dc5;
  let high = 0x2545f491;
  for (const list of hashes) {
    for (const half of new Uint32Array(list.buffer, list.byteOffset, list.length * 2)) {
      low = Math.imul(low ^ half, 0x01000193);
      high = Math.imul((high << 13) | (high >>> 19), 0x85ebca6b) ^ half;
      words++;
    }
  }
  const h = (BigInt(low >>> 0) << 32n) | BigInt(high >>> 0);
  return `${h.toString(16).padStart(16, '0')}-${words.toString(16)}`;
}

/** Deflates a snapshot for transport or storage. Asynchronous, as the platform's compression is. */
export async function compressSnapshot(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return pipe(bytes, new CompressionStream('deflate-raw'));
}

/** The reverse; refuses to grow beyond `mostBytes` (default 4 GiB). */
export async function decompressSnapshot(
  bytes: Uint8Array<ArrayBuffer>,
  mostBytes: number = 2 ** 32,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await pipe(bytes, new DecompressionStream('deflate-raw'), mostBytes);
  } catch (cause) {
    if (cause instanceof SuspendError) throw cause;
    throw new SuspendError('snapshot-malformed', 'compressed snapshot is damaged', { cause });
  }
}

async function pipe(
  bytes: Uint8Array<ArrayBuffer>,
  through: CompressionStream | DecompressionStream,
  most: number = Number.POSITIVE_INFINITY,
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = new Blob([bytes]).stream().pipeThrough(through).getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const chunk = part.value as Uint8Array;
    length += chunk.length;
    if (length > most) {
      await reader.cancel();
      throw new SuspendError('snapshot-malformed', `snapshot is larger than ${most} bytes`);
    }
    parts.push(chunk);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
