import type { FunctionCode } from '../analysis/function-code.ts';
import { op } from '../module/opcodes.ts';
import { valueType } from '../module/value-type.ts';
import type { ByteWriter } from '../module/writer.ts';
import type { RewriteContext } from './context.ts';
import type { FrameLocals } from './frame-locals.ts';

/**
 * Writes the code that counts units of work down. The count is in a global; loops without calls keep it in a local,
 * beside what it was when it was loaded, so that what they used can be settled on every way out, loaded or not.
 */
export class Countdown {
  readonly #context: RewriteContext;
  readonly #out: ByteWriter;
  readonly #locals: FrameLocals;
  #left = -1;
  #loaded = -1;
  #scratch = -1;

  constructor(context: RewriteContext, out: ByteWriter, locals: FrameLocals) {
    this.#context = context;
    this.#out = out;
    this.#locals = locals;
  }

  reset(): void {
    this.#left = -1;
    this.#loaded = -1;
    this.#scratch = -1;
  }

  #prepare(): void {
    if (this.#left >= 0) return;
    this.#left = this.#locals.create(valueType.i32);
    this.#loaded = this.#locals.create(valueType.i32);
  }

  /** Takes `weight` off the global count; below zero, does what `poll` writes. */
  pollGlobal(weight: number, poll: () => void): void {
    const out = this.#out;
    const { fuel } = this.#context.added;
    if (this.#scratch < 0) this.#scratch = this.#locals.create(valueType.i32);
    out.u8(op.globalGet).u32(fuel).u8(op.i32Const).s32(weight).u8(op.i32Sub);
    out.u8(op.localTee).u32(this.#scratch).u8(op.globalSet).u32(fuel);
    out.u8(op.localGet).u32(this.#scratch).put(op.i32Const, 0, op.i32LtS, op.if, 0x40);
    poll();
    out.u8(op.end);
  }

  /** Takes `weight` off the local count and leaves whether it is below zero. */
  chargeLocal(weight: number): void {
    this.#prepare();
    const out = this.#out;
    out.u8(op.localGet).u32(this.#left).u8(op.i32Const).s32(weight).u8(op.i32Sub);
    out.u8(op.localTee).u32(this.#left).put(op.i32Const, 0, op.i32LtS);
  }

  /** Gives back in advance what a loop's first poll will take, so that a resumed one does not fire again at once. */
  repay(weight: number, local: boolean): void {
    const out = this.#out;
    const { fuel } = this.#context.added;
    if (local) {
      this.#prepare();
      out.u8(op.localGet).u32(this.#left).u8(op.i32Const).s32(weight).u8(op.i32Add).u8(op.localSet).u32(this.#left);
    } else {
      out.u8(op.globalGet).u32(fuel).u8(op.i32Const).s32(weight).u8(op.i32Add).u8(op.globalSet).u32(fuel);
    }
  }

  /** Reads the global count into the local one, with the extra that loops get whose polls do not return. */
  load(): void {
    this.#prepare();
    const out = this.#out;
    const { fuel, slack } = this.#context.added;
    out.u8(op.globalGet).u32(fuel).u8(op.globalGet).u32(slack).u8(op.i32Add);
    out.u8(op.localTee).u32(this.#left).u8(op.localSet).u32(this.#loaded);
  }

  /** Takes what the local count has used since it was loaded off the global one; nothing if it was not loaded. */
  settle(): void {
    this.#prepare();
    const out = this.#out;
    const { fuel } = this.#context.added;
    out.u8(op.globalGet).u32(fuel).u8(op.localGet).u32(this.#loaded).u8(op.localGet).u32(this.#left);
    out.put(op.i32Sub, op.i32Sub).u8(op.globalSet).u32(fuel);
    out.u8(op.localGet).u32(this.#left).u8(op.localSet).u32(this.#loaded);
  }
}

/** Units that a turn of the loop at instruction i takes. */
export function loopWeight(code: FunctionCode, i: number): number {
  return Math.min(code.weight[i]!, 0xffff);
}

/** Units that a call of a function with so many instructions takes at its entry. */
export function entryWeight(instructions: number): number {
  return Math.min(8 + (instructions >> 3), 1024);
}
