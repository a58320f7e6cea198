import { functionNames } from '../module/names.ts';
import type { Snapshot } from './format.ts';
import { pageBytes } from './page-hash.ts';
import type { StateValue } from './state.ts';

/** A snapshot for people: what it is of, its stack with function names if `module` (any build of it) has them, sizes. */
export function describeSnapshot(snapshot: Snapshot, module?: Uint8Array): string {
  const names = module ? functionNames(module) : new Map<number, string>();
  const lines = [
    `snapshot ${snapshot.id}${snapshot.base === undefined ? '' : `, a delta on ${snapshot.base}`}`,
    `module   sha256:${snapshot.module}`,
    `stack    ${snapshot.frames.length} frames, innermost first`,
  ];
  const shown = 50;
  const frames = [...snapshot.frames].reverse();
  frames.slice(0, shown).forEach((frame, i) => {
    const where = names.get(frame.function) ?? `function ${frame.function}`;
    const values = frame.operands.length > 0 ? `, operands ${frame.operands.map(show).join(' ')}` : '';
    const locals =
      frame.locals.length > 0 ? `, locals ${frame.locals.map((l) => `${l.index}=${show(l.value)}`).join(' ')}` : '';
    lines.push(`  #${i} ${where} at ${frame.kind} 0x${frame.offset.toString(16)}${values}${locals}`);
  });
  if (frames.length > shown) lines.push(`  … and ${frames.length - shown} more`);
  lines.push(`globals  ${snapshot.globals.map((g) => `${g.index}=${show(g.value)}`).join(' ') || 'none mutable'}`);
  snapshot.tables.forEach((table, i) => {
    lines.push(`table ${i}  ${table.length} elements, ${table.filter((f) => f >= 0).length} set`);
  });
  snapshot.memories.forEach(({ bytes, runs }, i) => {
    const stored = runs.reduce((sum, run) => sum + run.bytes.length, 0);
    lines.push(
      `memory ${i} ${bytes} bytes, ${stored / pageBytes} pages of ${pageBytes} bytes stored in ${runs.length} runs`,
    );
  });
  const dropped = snapshot.dropped.filter(Boolean).length;
  if (snapshot.dropped.length > 0) lines.push(`segments ${dropped} of ${snapshot.dropped.length} dropped`);
  lines.push(`host     ${snapshot.host.length} bytes`);
  return `${lines.join('\n')}\n`;
}

const scratch = new DataView(new ArrayBuffer(8));

function show(value: StateValue): string {
  switch (value.type) {
    case 'i32':
      return `${value.bits}`;
    case 'i64':
      return `${value.bits}n`;
    case 'f32':
      scratch.setInt32(0, value.bits);
      return `${scratch.getFloat32(0)}f`;
    case 'f64':
      scratch.setBigInt64(0, value.bits);
      return `${scratch.getFloat64(0)}d`;
    case 'v128':
      return `v128:${BigInt.asUintN(64, value.high).toString(16)}:${BigInt.asUintN(64, value.low).toString(16)}`;
    case 'exnref':
      return value.tag < 0 ? 'null' : `exception ${value.tag}(${value.arguments.map(show).join(' ')})`;
    default:
      return value.index < 0 ? 'null' : `function ${value.index}`;
  }
}
