import { op } from '../module/opcodes.ts';
import type { SaveTarget } from './save-code.ts';

/** Ends an inner `try` around the body that notes what was thrown and throws it on to the handlers proper. */
export function identifyCaught({ out, context, locals }: SaveTarget, opener: number): void {
  const { module } = context;
  out.u8(op.catch).u32(context.added.tag).put(op.rethrow, 0);
  let first = 1;
  module.tags.forEach((tag, number) => {
    const { params } = module.types[tag]!;
    out.u8(op.catch).u32(number);
    for (let k = params.length - 1; k >= 0; k--) out.u8(op.localSet).u32(locals.caught(opener, first + k));
    first += params.length;
    out
      .u8(op.i32Const)
      .s32(number + 1)
      .u8(op.localSet)
      .u32(locals.caught(opener, 0))
      .put(op.rethrow, 0);
  });
  out.put(op.catchAll, op.i32Const, 0, op.localSet).u32(locals.caught(opener, 0)).put(op.rethrow, 0, op.end);
}

/** In a handler that was resumed the exception is not at hand: throws an equal one. */
export function throwCaughtAgain({ out, context, locals }: SaveTarget, opener: number): void {
  const { module } = context;
  let first = 1;
  module.tags.forEach((tag, number) => {
    const { params } = module.types[tag]!;
    out
      .u8(op.localGet)
      .u32(locals.caught(opener, 0))
      .u8(op.i32Const)
      .s32(number + 1)
      .put(op.i32Eq, op.if, 0x40);
    for (let k = 0; k < params.length; k++) out.u8(op.localGet).u32(locals.caught(opener, first + k));
    first += params.length;
    out.u8(op.throw).u32(number).u8(op.end);
  });
  if (context.rethrowForeign) out.u8(op.call).u32(context.rethrowForeign());
  out.u8(op.unreachable);
}
