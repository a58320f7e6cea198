import { op } from '../module/opcodes.ts';
import { valueType } from '../module/value-type.ts';
import type { ByteWriter } from '../module/writer.ts';
import { bankLimit, type RewriteContext } from './context.ts';
import type { FrameLocals } from './frame-locals.ts';
import { carrier, maxInts, maxLongs, port, type Slot } from './layout.ts';

/** Where code that saves a frame is written. */
export interface SaveTarget {
  readonly out: ByteWriter;
  readonly context: RewriteContext;
  readonly locals: FrameLocals;
}

/** Saves values through the port; `site`: its offset, or the local that tells it. */
export function saveValues(
  target: SaveTarget,
  slots: readonly Slot[],
  site: number | { readonly local: number },
): void {
  const { out, context, locals } = target;
  const { code } = context;
  const ints: (() => void)[] = [];
  const longs: (() => void)[] = [];
  const signature = (params: number[]): number => context.types.index(params, []);
  for (const slot of slots) {
    const local = locals.of(slot);
    const get = (): ByteWriter => out.u8(op.localGet).u32(local);
    switch (slot.type) {
      case valueType.i32:
        ints.push(get);
        break;
      case valueType.f32:
        ints.push(() => get().u8(0xbc));
        break;
      case valueType.i64:
        longs.push(get);
        break;
      case valueType.f64:
        longs.push(() => get().u8(0xbd));
        break;
      case valueType.v128:
        longs.push(() => get().u8(0xfd).u32(0x1d).u8(0));
        longs.push(() => get().u8(0xfd).u32(0x1d).u8(1));
        break;
      case valueType.exnref:
        // The table grows by one; the old size is where the exception is.
        ints.push(() => get().put(op.i32Const, 1, 0xfc, 0x0f).u32(context.added.exceptionTable));
        break;
      default: {
        const external = slot.type === valueType.externref;
        get();
        out.u8(op.i32Const).s32(external ? port.saveExternref : port.saveFuncref);
        out
          .u8(op.callIndirect)
          .u32(signature([slot.type]))
          .u32(context.added.portTable);
      }
    }
  }
  let nextInt = 0;
  let nextLong = 0;
  for (;;) {
    const takeInts = Math.min(maxInts, ints.length - nextInt);
    const takeLongs = Math.min(maxLongs, longs.length - nextLong);
    for (let k = 0; k < takeInts; k++) ints[nextInt++]!();
    for (let k = 0; k < takeLongs; k++) longs[nextLong++]!();
    const last = nextInt === ints.length && nextLong === longs.length;
    if (!last) {
      out.put(op.i32Const, 0x7f);
    } else if (typeof site === 'object') {
      // The local counts from 1 at the body, so that a stale 0 would be seen.
      out.u8(op.localGet).u32(site.local);
      out
        .u8(op.i32Const)
        .s32(code.bodyStart - code.sectionStart - 1)
        .u8(op.i32Add);
    } else {
      out.u8(op.i32Const).s32(site);
    }
    out.u8(op.i32Const).s32(context.ports.slot(takeInts, takeLongs));
    const params = [...Array<number>(takeInts).fill(valueType.i32), ...Array<number>(takeLongs).fill(valueType.i64)];
    out
      .u8(op.callIndirect)
      .u32(signature([...params, valueType.i32]))
      .u32(context.added.portTable);
    if (last) return;
  }
}

/** Saves values in globals: no call, so that nothing in the loop lives across one. */
export function bankValues(target: SaveTarget, slots: readonly Slot[], offset: number): void {
  const { out, context, locals } = target;
  let ints = 0;
  let longs = 0;
  const toInt = (): void => {
    out.u8(op.globalSet).u32(context.added.bank + 2 * ints++);
  };
  const toLong = (): void => {
    out.u8(op.globalSet).u32(context.added.bank + 2 * longs++ + 1);
  };
  for (const slot of slots) {
    const local = locals.of(slot);
    const get = (): ByteWriter => out.u8(op.localGet).u32(local);
    switch (slot.type) {
      case valueType.i32:
        get();
        toInt();
        break;
      case valueType.f32:
        get().u8(0xbc);
        toInt();
        break;
      case valueType.i64:
        get();
        toLong();
        break;
      case valueType.f64:
        get().u8(0xbd);
        toLong();
        break;
      default:
        for (const lane of [0, 1]) {
          get().u8(0xfd).u32(0x1d).u8(lane);
          toLong();
        }
    }
  }
  out.u8(op.i32Const).s32(offset).u8(op.globalSet).u32(context.added.bankSite);
  context.ports.bankInts = Math.max(context.ports.bankInts, ints);
  context.ports.bankLongs = Math.max(context.ports.bankLongs, longs);
}

/** Whether a frame of these values fits the bank. */
export function bankable(slots: readonly Slot[]): boolean {
  let ints = 0;
  let longs = 0;
  for (const { type } of slots) {
    const kind = carrier(type);
    if (kind === 'int') ints++;
    else if (kind === 'long') longs += type === valueType.v128 ? 2 : 1;
    else return false;
  }
  return ints <= bankLimit && longs <= bankLimit;
}
