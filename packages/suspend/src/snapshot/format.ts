import { SuspendError } from '../module/error.ts';
import { ByteWriter } from '../module/writer.ts';
import { pageBytes } from './page-hash.ts';
import { SnapshotReader } from './snapshot-reader.ts';
import type { ProgramState, StateFrame, StateValue } from './state.ts';

/** Raised when a reader of the former version would misread what is written. */
export const snapshotVersion = 1;
const magic = [0x77, 0x67, 0x73, 0x6e];
const valueTags = ['i32', 'f32', 'i64', 'f64', 'v128', 'funcref', 'externref', 'exnref'] as const;
const kinds = ['call', 'loop', 'entry'] as const;

/** A run of pages of one memory, by first page. */
export interface PageRun {
  readonly page: number;
  readonly bytes: Uint8Array;
}

export interface SnapshotMemory {
  readonly bytes: number;
  /** Pages that are not zero (full) or not as in the base (delta), ascending. */
  readonly runs: readonly PageRun[];
}

/** A decoded snapshot. `bytes` of runs are views into the input. */
export interface Snapshot {
  /** Name of this state of memory, and of the one that a delta builds on. */
  readonly id: string;
  readonly base: string | undefined;
  /** SHA-256 of the original module. */
  readonly module: string;
  readonly frames: readonly StateFrame[];
  readonly globals: ProgramState['globals'];
  readonly tables: readonly Int32Array[];
  readonly dropped: readonly boolean[];
  readonly memories: readonly SnapshotMemory[];
  /** What the host keeps for the program (file descriptors and so on); opaque here. */
  readonly host: Uint8Array;
}

/**
 * Layout: magic, version, CRC-32 of the rest (little-endian), then LEB128 numbers: id, base, module digest, frames,
 * globals, tables, dropped segments, memories as runs of pages, host section.
 */
export function encodeSnapshot(snapshot: Snapshot): Uint8Array<ArrayBuffer> {
  const pages = snapshot.memories.reduce((sum, { runs }) => sum + runs.reduce((n, run) => n + run.bytes.length, 0), 0);
  const out = new ByteWriter(pages + snapshot.host.length + 4096 + snapshot.frames.length * 64);
  out
    .put(...magic)
    .put(snapshotVersion, 0, 0, 0)
    .put(0, 0, 0, 0);
  out
    .name(snapshot.id)
    .name(snapshot.base ?? '')
    .name(snapshot.module);
  out.u32(snapshot.frames.length);
  for (const frame of snapshot.frames) writeFrame(out, frame);
  writeIndexed(out, snapshot.globals);
  out.u32(snapshot.tables.length);
  for (const table of snapshot.tables) {
    out.u32(table.length);
    for (const index of table) out.u32(index + 1);
  }
  out.u32(snapshot.dropped.length);
  for (const dropped of snapshot.dropped) out.u8(dropped ? 1 : 0);
  out.u32(snapshot.memories.length);
  for (const { bytes, runs } of snapshot.memories) {
    out.u64(BigInt(bytes)).u32(runs.length);
    for (const run of runs)
      out
        .u32(run.page)
        .u32(run.bytes.length / pageBytes)
        .copy(run.bytes);
  }
  out.u32(snapshot.host.length).copy(snapshot.host);
  const bytes = out.bytes.subarray(0, out.length) as Uint8Array<ArrayBuffer>;
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(8, crc32(bytes.subarray(12)), true);
  return bytes;
}

export interface DecodeLimits {
  /** Most bytes that the memories may have together; default 4 GiB. */
  readonly memoryBytes?: number;
  /** Most frames; default 10 million. */
  readonly frames?: number;
}

/** Reads a snapshot, checking all of it. Throws `snapshot-malformed` with an offset, or `snapshot-unsupported`. */
export function decodeSnapshot(bytes: Uint8Array, limits: DecodeLimits = {}): Snapshot {
  const r = new SnapshotReader(bytes);
  if (magic.some((byte, i) => bytes[i] !== byte)) r.fail('not a snapshot', 0);
  r.pos = 4;
  const header = r.take(8);
  const view = new DataView(header.buffer, header.byteOffset, 8);
  const version = view.getUint32(0, true);
  if (version !== snapshotVersion) {
    throw new SuspendError('snapshot-unsupported', `snapshot of version ${version}, this reads ${snapshotVersion}`, {
      offset: 4,
    });
  }
  if (view.getUint32(4, true) !== crc32(bytes.subarray(12))) r.fail('checksum does not match', 8);
  const id = r.text();
  const base = r.text();
  const module = r.text();
  const count = r.count('frames', 4);
  if (count > (limits.frames ?? 10_000_000)) r.fail(`${count} frames`);
  const frames = Array.from({ length: count }, () => readFrame(r));
  const globals = readIndexed(r);
  const tables = Array.from({ length: r.count('tables') }, () =>
    Int32Array.from({ length: r.count('elements') }, () => r.u32() - 1),
  );
  const dropped = Array.from({ length: r.count('segments') }, () => r.u8() !== 0);
  let left = limits.memoryBytes ?? 2 ** 32;
  const memories = Array.from({ length: r.count('memories', 2) }, () => {
    const size = Number(r.u64());
    if (size > left || size % 65536 !== 0) r.fail(`memory of ${size} bytes, at most ${left}`);
    left -= size;
    return { bytes: size, runs: readRuns(r, size / pageBytes) };
  });
  const host = r.take(r.count('bytes of the host'));
  if (r.pos !== bytes.length) r.fail(`${bytes.length - r.pos} bytes left over`);
  return { id, base: base === '' ? undefined : base, module, frames, globals, tables, dropped, memories, host };
}

function readRuns(r: SnapshotReader, pages: number): PageRun[] {
  let next = 0;
  return Array.from({ length: r.count('runs of pages', pageBytes) }, () => {
    const page = r.u32();
    const length = r.u32();
    if (page < next || length === 0 || page + length > pages) r.fail(`run of ${length} pages at ${page} of ${pages}`);
    next = page + length;
    return { page, bytes: r.take(length * pageBytes) };
  });
}

function writeFrame(out: ByteWriter, frame: StateFrame): void {
  out.u8(kinds.indexOf(frame.kind)).u32(frame.function).u32(frame.offset);
  writeIndexed(out, frame.locals);
  out.u32(frame.operands.length);
  for (const value of frame.operands) writeValue(out, value);
  out.u32(frame.caught.length);
  for (const { index, value } of frame.caught) writeValue(out.u64(BigInt(index)), value);
}

function readFrame(r: SnapshotReader): StateFrame {
  const at = r.pos;
  const kind = kinds[r.u8()] ?? r.fail('frame kind', at);
  const index = r.u32();
  const offset = r.u32();
  const locals = readIndexed(r);
  const operands = Array.from({ length: r.count('operands', 2) }, () => readValue(r));
  const caught = Array.from({ length: r.count('caught values', 3) }, () => ({
    index: Number(r.u64()),
    value: readValue(r),
  }));
  return { kind, function: index, offset, locals, operands, caught };
}

function writeIndexed(out: ByteWriter, list: readonly { index: number; value: StateValue }[]): void {
  out.u32(list.length);
  for (const { index, value } of list) writeValue(out.u32(index), value);
}

function readIndexed(r: SnapshotReader): { index: number; value: StateValue }[] {
  return Array.from({ length: r.count('values', 3) }, () => ({ index: r.u32(), value: readValue(r) }));
}

function writeValue(out: ByteWriter, value: StateValue): void {
  out.u8(valueTags.indexOf(value.type));
  switch (value.type) {
    case 'i32':
    case 'f32':
      out.u32(value.bits);
      break;
    case 'i64':
    case 'f64':
      out.u64(value.bits);
      break;
    case 'v128':
      out.u64(value.low).u64(value.high);
      break;
    case 'exnref':
      out.u32(value.tag + 1).u32(value.arguments.length);
      for (const argument of value.arguments) writeValue(out, argument);
      break;
    default:
      out.u32(value.index + 1);
  }
}

function readValue(r: SnapshotReader, depth = 0): StateValue {
  const at = r.pos;
  const type = valueTags[r.u8()] ?? r.fail('value type', at);
  switch (type) {
    case 'i32':
    case 'f32':
      return { type, bits: r.u32() | 0 };
    case 'i64':
    case 'f64':
      return { type, bits: BigInt.asIntN(64, r.u64()) };
    case 'v128':
      return { type, low: BigInt.asIntN(64, r.u64()), high: BigInt.asIntN(64, r.u64()) };
    case 'exnref': {
      // An exception's arguments may be exceptions; nobody nests them.
      if (depth > 4) r.fail('exceptions nested too deep', at);
      const tag = r.u32() - 1;
      return { type, tag, arguments: Array.from({ length: r.count('arguments', 2) }, () => readValue(r, depth + 1)) };
    }
    default:
      return { type, index: r.u32() - 1 };
  }
}

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** CRC-32 (ISO 3309), by four tables at a time. */
const slices: Uint32Array[] = [crcTable];
for (let s = 1; s < 8; s++)
  slices.push(crcTable.map((_, n) => (slices[s - 1]![n]! >>> 8) ^ crcTable[slices[s - 1]![n]! & 0xff]!));

function crc32(bytes: Uint8Array): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = slices as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ];
  let c = 0xffffffff;
  let i = 0;
  for (const end = bytes.length - 7; i < end; i += 8) {
    const low = c ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    c =
      t7[low & 0xff]! ^
      t6[(low >>> 8) & 0xff]! ^
      t5[(low >>> 16) & 0xff]! ^
      t4[low >>> 24]! ^
      t3[bytes[i + 4]!]! ^
      t2[bytes[i + 5]!]! ^
      t1[bytes[i + 6]!]! ^
      t0[bytes[i + 7]!]!;
  }
  for (; i < bytes.length; i++) c = (c >>> 8) ^ t0[(c ^ bytes[i]!) & 0xff]!;
  return (c ^ 0xffffffff) >>> 0;
}
