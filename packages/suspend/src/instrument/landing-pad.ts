import type { TypeTable } from '../module/encode.ts';
import { op } from '../module/opcodes.ts';
import type { ByteWriter } from '../module/writer.ts';
import type { RewriteContext } from './context.ts';

/** The shortest block type for these parameters and results. */
export function writeBlockType(
  out: ByteWriter,
  types: TypeTable,
  params: ArrayLike<number>,
  results: ArrayLike<number>,
): void {
  if (params.length === 0 && results.length === 0) out.u8(0x40);
  else if (params.length === 0 && results.length === 1) out.u8(results[0]!);
  else out.s32(types.index(params, results));
}

/** A call, its arguments on the stack, whose own handler saves the frame when our tag comes out, and throws it on. */
export function writeLandingPad(
  out: ByteWriter,
  { form, types, added: { tag } }: RewriteContext,
  args: ArrayLike<number>,
  results: ArrayLike<number>,
  call: () => void,
  save: () => void,
): void {
  if (form === 'legacy') {
    out.u8(op.try);
    writeBlockType(out, types, args, results);
    call();
    out.u8(op.catch).u32(tag);
    save();
    out.put(op.rethrow, 0, op.end);
    return;
  }
  out.u8(op.block);
  writeBlockType(out, types, args, results);
  out.u8(op.block);
  writeBlockType(out, types, args, []);
  out.u8(op.tryTable);
  writeBlockType(out, types, args, results);
  out.put(1, 0x00).u32(tag).u8(0);
  call();
  out.put(op.end, op.br, 1, op.end);
  save();
  out.u8(op.throw).u32(tag).u8(op.end);
}
