import type { DroppableSegments } from '../instrument/context.ts';
import type { Module } from '../module/decode.ts';
import { op } from '../module/opcodes.ts';
import { ByteWriter } from '../module/writer.ts';
import type { ProgramState } from '../snapshot/state.ts';

/** Zeros between two runs that are cheaper to write than to begin a new segment for. */
const gap = 32;
/** The engines' limit is 100,000; leave room for the module's own. */
const mostSegments = 50_000;

/**
 * A data section that makes the memories as they are. The module's own segments keep their numbers: passive ones that
 * are not dropped their content, all others are empty, which is what they are once used or dropped.
 */
export function memorySegments(
  original: Module,
  droppable: DroppableSegments,
  state: ProgramState,
): { count: number; bytes: Uint8Array } {
  const out = new ByteWriter(state.memories.reduce((sum, { length }) => sum + length, 1024));
  let count = 0;
  original.data.forEach(({ mode, start, end }, i) => {
    count++;
    const at = droppable.data.indexOf(i);
    const used = mode === 'active' || (at >= 0 && state.dropped[at]);
    out.u8(1).u32(used ? 0 : end - start);
    if (!used) out.copy(original.bytes, start, end);
  });
  state.memories.forEach((memory, index) => {
    const spacing = Math.max(gap, Math.ceil(memory.length / mostSegments));
    for (const [start, end] of runs(memory, spacing)) {
      count++;
      out.u8(index === 0 ? 0 : 2);
      if (index > 0) out.u32(index);
      if (original.memories[index]!.index64) out.u8(op.i64Const).s64(BigInt(start));
      else out.u8(op.i32Const).s32(start | 0);
      out
        .u8(op.end)
        .u32(end - start)
        .copy(memory, start, end);
    }
  });
  return { count, bytes: new ByteWriter(out.length + 5).u32(count).copy(out.view()).view() };
}

/** Ranges with content, `spacing` or more zeros apart. */
function* runs(memory: Uint8Array, spacing: number): Generator<[start: number, end: number]> {
  const words = new Uint32Array(memory.buffer, memory.byteOffset, memory.length >>> 2);
  let start = -1;
  let last = -1;
  for (let i = 0; i < words.length; i++) {
    if (words[i] === 0) continue;
    if (start >= 0 && (i - last) * 4 > spacing) {
      yield [start * 4, last * 4 + 4];
      start = i;
    } else if (start < 0) {
      start = i;
    }
    last = i;
  }
  if (start >= 0) yield [start * 4, last * 4 + 4];
}
