import type { FunctionCode } from '../analysis/function-code.ts';
import { SuspendError } from '../module/error.ts';
import { limits } from '../module/limits.ts';
import { ByteWriter } from '../module/writer.ts';
import { caughtStride, caughtTypes, type Slot } from './layout.ts';

/** The locals that rewriting adds to a function, behind its own. */
export class FrameLocals {
  readonly #code: FunctionCode;
  readonly #added: number[] = [];
  readonly #temps = new Map<number, number>();
  readonly #caught = new Map<number, number>();
  #caughtTypes: Uint8Array | undefined;

  constructor(code: FunctionCode) {
    this.#code = code;
  }

  reset(): void {
    this.#added.length = 0;
    this.#temps.clear();
    this.#caught.clear();
  }

  get caughtTypes(): Uint8Array {
    this.#caughtTypes ??= caughtTypes(this.#code.module);
    return this.#caughtTypes;
  }

  create(type: number): number {
    return this.#code.locals + this.#added.push(type) - 1;
  }

  /** The local that mirrors the operand at a height; two operands never share height and type at one time. */
  temp(height: number, type: number): number {
    return this.#once(this.#temps, height * 256 + type, type);
  }

  /** The k-th value of what identifies the exception that the `try` at `opener` handles. */
  caught(opener: number, k: number): number {
    return this.#once(this.#caught, opener * caughtStride + k, this.caughtTypes[k]!);
  }

  of({ kind, index, type }: Slot): number {
    if (kind === 'caught') return this.#once(this.#caught, index, type);
    return kind === 'local' ? index : this.temp(index, type);
  }

  #once(known: Map<number, number>, key: number, type: number): number {
    let local = known.get(key);
    if (local === undefined) {
      local = this.create(type);
      known.set(key, local);
    }
    return local;
  }

  /** A body with declarations of the function's own locals from `first` on and of those added. */
  body(first: number, instructions: ByteWriter): ByteWriter {
    const code = this.#code;
    if (code.locals + this.#added.length > limits.functionLocals) {
      const what = `function ${code.index} needs more than ${limits.functionLocals} locals`;
      throw new SuspendError('module-too-large', what, { offset: code.bodyStart });
    }
    const groups: [count: number, type: number][] = [];
    const declare = (type: number): void => {
      const last = groups.at(-1);
      if (last && last[1] === type) last[0]++;
      else groups.push([1, type]);
    };
    for (let i = first; i < code.locals; i++) declare(code.localTypes[i]!);
    for (const type of this.#added) declare(type);
    const body = new ByteWriter(instructions.length + 16 + groups.length * 4);
    body.u32(groups.length);
    for (const [count, type] of groups) body.u32(count).u8(type);
    return body.copy(instructions.bytes, 0, instructions.length);
  }
}
