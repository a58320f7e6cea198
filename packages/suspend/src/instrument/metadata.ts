import type { CallGraph } from '../analysis/call-graph.ts';
import type { Module } from '../module/decode.ts';
import { encodeModule, sectionBytes } from '../module/encode.ts';
import { SuspendError } from '../module/error.ts';
import { ByteReader } from '../module/reader.ts';
import { ByteWriter } from '../module/writer.ts';
import { bankLimit, type DroppableSegments } from './context.ts';
import { layoutVersion, maxInts, maxLongs, type SaveSlot } from './layout.ts';

export const sectionName = 'wigeon.suspend';

/** What the run time needs beside the instrumented code itself; travels in a custom section of the module. */
export interface Instrumented {
  /** SHA-256 of the original module, hex. */
  readonly digest: string;
  readonly form: 'legacy' | 'try_table';
  /** Whether there is a table for exceptions that live across a suspension. */
  readonly usesExceptionTable: boolean;
  readonly graph: CallGraph;
  readonly droppable: DroppableSegments;
  readonly saves: readonly SaveSlot[];
  readonly bankInts: number;
  readonly bankLongs: number;
  /** The original module without data and custom sections. */
  readonly skeleton: Uint8Array;
}

/** The parts of a module that continuations are made from. The data would be most of it, and is in the module itself. */
export function skeleton(module: Module): Uint8Array {
  return encodeModule(
    module.sections
      .filter(({ id }) => id !== 0 && id !== 11 && id !== 12)
      .map((section) => ({ id: section.id, bytes: sectionBytes(module, section) })),
  );
}

export function writeMetadata(metadata: Instrumented): Uint8Array {
  const out = new ByteWriter(metadata.skeleton.length + 256);
  out.name(sectionName);
  out.u32(layoutVersion);
  out
    .name(metadata.digest)
    .u8(metadata.form === 'legacy' ? 0 : 1)
    .u8(metadata.usesExceptionTable ? 1 : 0);
  const { suspends, entryPoll, indirect } = metadata.graph;
  for (const bits of [suspends, entryPoll]) out.u32(bits.length).copy(packBits(bits));
  out.u32(indirect.length).copy(indirect);
  for (const list of [metadata.droppable.data, metadata.droppable.elements]) {
    out.u32(list.length);
    for (const segment of list) out.u32(segment);
  }
  out.u32(metadata.saves.length);
  for (const { ints, longs } of metadata.saves) out.u32(ints).u32(longs);
  out.u32(metadata.bankInts).u32(metadata.bankLongs);
  out.u32(metadata.skeleton.length).copy(metadata.skeleton);
  return out.view();
}

/** Reads what `writeMetadata` wrote, behind the name of the custom section. */
export function readMetadata(bytes: Uint8Array): Instrumented {
  const r = new ByteReader(bytes);
  const version = r.u32();
  if (version !== layoutVersion) {
    throw new SuspendError('not-instrumented', `module instrumented for run time ${version}, this is ${layoutVersion}`);
  }
  const digest = r.name(64);
  if (!/^[0-9a-f]{64}$/.test(digest)) r.fail('digest is not SHA-256');
  const form = r.u8() === 0 ? 'legacy' : 'try_table';
  const usesExceptionTable = r.u8() === 1;
  const bits = (): Uint8Array => {
    const length = r.u32();
    return unpackBits(r.take((length + 7) >>> 3), length);
  };
  const graph = { suspends: bits(), entryPoll: bits(), indirect: r.take(r.u32()) };
  const list = (): number[] => Array.from({ length: r.count(10_000_000, 'segments') }, () => r.u32());
  const droppable = { data: list(), elements: list() };
  const saves = Array.from({ length: r.count(1000, 'save functions') }, () => {
    const ints = r.u32();
    const longs = r.u32();
    if (ints > maxInts || longs > maxLongs) r.fail('save function too wide');
    return { ints, longs };
  });
  const bankInts = r.u32();
  const bankLongs = r.u32();
  if (bankInts > bankLimit || bankLongs > bankLimit) r.fail('bank too large');
  const skeletonBytes = r.take(r.u32());
  return { digest, form, usesExceptionTable, graph, droppable, saves, bankInts, bankLongs, skeleton: skeletonBytes };
}

function packBits(flags: Uint8Array): Uint8Array {
  const packed = new Uint8Array((flags.length + 7) >>> 3);
  flags.forEach((flag, i) => {
    if (flag) packed[i >>> 3]! |= 1 << (i & 7);
  });
  return packed;
}

function unpackBits(packed: Uint8Array, length: number): Uint8Array {
  const flags = new Uint8Array(length);
  for (let i = 0; i < length; i++) flags[i] = (packed[i >>> 3]! >>> (i & 7)) & 1;
  return flags;
}
