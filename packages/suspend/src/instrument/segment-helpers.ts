import { FunctionCode } from '../analysis/function-code.ts';
import type { Module } from '../module/decode.ts';
import type { TypeTable } from '../module/encode.ts';
import { misc, op } from '../module/opcodes.ts';
import { valueType } from '../module/value-type.ts';
import { ByteWriter } from '../module/writer.ts';
import type { DroppableSegments } from './context.ts';
import { exported } from './names.ts';

/** A function of the instrumented module that does one segment instruction for continuations and for restoring. */
export interface SegmentHelper {
  readonly name: string;
  readonly type: number;
  readonly body: ByteWriter;
}

/**
 * Segments belong to a module, so a continuation module cannot name them: it calls these. One for each distinct
 * `memory.init`, `table.init`, `data.drop` and `elem.drop` of the code.
 */
export function helperFunctions(module: Module, droppable: DroppableSegments, types: TypeTable): SegmentHelper[] {
  const passive =
    module.data.some(({ mode }) => mode === 'passive') || module.elements.some((e) => e.mode === 'passive');
  const found = new Map<string, SegmentHelper>();
  const add = (code: number, a: number, b: number): void => {
    const name = exported.segment(code, a, b);
    if (found.has(name)) return;
    const init = code === op.memoryInit || code === op.tableInit;
    const wide = code === op.memoryInit ? module.memories[b]?.index64 : module.tables[b]?.index64;
    const address = wide && init ? valueType.i64 : valueType.i32;
    const params = init ? [address, valueType.i32, valueType.i32] : [];
    const body = new ByteWriter(24).u8(0);
    params.forEach((_, i) => {
      body.u8(op.localGet).u32(i);
    });
    body
      .u8(0xfc)
      .u32(code - misc)
      .u32(a);
    if (init) body.u32(b);
    body.u8(op.end);
    found.set(name, { name, type: types.index(params, []), body });
  };
  for (const segment of droppable.data) add(op.dataDrop, segment, 0);
  for (const segment of droppable.elements) add(op.elemDrop, segment, 0);
  if (passive || droppable.data.length + droppable.elements.length > 0) {
    const code = new FunctionCode(module);
    for (let f = module.importedFunctions; f < module.functions.length; f++) {
      code.decode(f);
      for (let i = 0; i < code.count; i++) {
        const c = code.code[i]!;
        if (c === op.memoryInit || c === op.tableInit) add(c, code.a[i]!, code.b[i]!);
      }
    }
  }
  return [...found.values()];
}
