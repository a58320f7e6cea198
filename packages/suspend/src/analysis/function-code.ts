import type { Module } from '../module/decode.ts';
import { SuspendError } from '../module/error.ts';
import { limits } from '../module/limits.ts';
import { imm, immediates, misc, op, proposalOf, simd } from '../module/opcodes.ts';
import { ByteReader } from '../module/reader.ts';
import { isValueType } from '../module/value-type.ts';

const empty = new Uint8Array(0);
const singles: Uint8Array[] = Array.from({ length: 128 }, (_, byte) => Uint8Array.of(byte));

/** Which exception instructions a function uses; engines refuse a module that has both. */
export type ExceptionForm = 'none' | 'legacy' | 'try_table';

/**
 * One function body as parallel arrays, one entry per instruction. The arrays are reused from function to function
 * (a module may have a million of them), so what must outlive the next `decode` has to be copied.
 */
export class FunctionCode {
  readonly module: Module;
  index = 0;
  count = 0;
  /** Code of each instruction, see module/opcodes.ts. */
  code: Uint16Array = new Uint16Array(4096);
  /** Byte offset of each instruction in the module, and the end of the last one. */
  pos: Int32Array = new Int32Array(4097);
  /** First immediate. Openers (`block`, `loop`, `if`, `try`, `try_table`): index of the matching `end`. */
  a: Int32Array = new Int32Array(4096);
  /** Second immediate. `if`: index of `else`, or -1. `try`: of its first handler, or -1. `else`, `catch`, `end`, `delegate`: index of the opener. */
  b: Int32Array = new Int32Array(4096);
  /** Openers: block type as read by `blockParams` and `blockResults`. Loops: see `weight`. */
  type: Int32Array = new Int32Array(4096);
  /** Loops: instructions of the body that are not in inner loops. */
  weight: Int32Array = new Int32Array(4096);
  /** Loops: 1 if there is a call of any kind inside. */
  calls: Uint8Array = new Uint8Array(4096);
  /** Parameters, then declared locals. */
  localTypes: Uint8Array = new Uint8Array(64);
  locals = 0;
  params = 0;
  loops = 0;
  hasCalls = false;
  exceptions: ExceptionForm = 'none';
  /** Offset of the first instruction (behind the local declarations). */
  start = 0;
  /** Offset of the body, local declarations included. */
  bodyStart = 0;
  /** Offset of the content of the code section. */
  readonly sectionStart: number;

  readonly #opener: number[] = [];
  readonly #callsBefore: number[] = [];
  readonly #innerWeight: number[] = [];

  constructor(module: Module) {
    this.module = module;
    this.sectionStart = module.sections.find((section) => section.id === 10)?.start ?? 0;
  }

  blockParams(type: number): Uint8Array {
    return type >= 0 ? this.module.types[type]!.params : empty;
  }

  blockResults(type: number): Uint8Array {
    return type >= 0 ? this.module.types[type]!.results : type === -1 ? empty : singles[-type]!;
  }

  signature(functionIndex: number): { params: Uint8Array; results: Uint8Array } {
    return this.module.types[this.module.functions[functionIndex]!]!;
  }

  /** Reads the body of a defined function; checks indices, nesting and limits, not types. */
  decode(index: number): this {
    const { module } = this;
    const body = index - module.importedFunctions;
    const end = module.bodyEnds[body]!;
    const r = new ByteReader(module.bytes, module.bodyStarts[body]!, end);
    this.index = index;
    this.bodyStart = r.pos;
    this.#locals(r);
    this.start = r.pos;
    this.#reserve(end - r.pos);
    this.count = 0;
    this.loops = 0;
    this.hasCalls = false;
    this.exceptions = 'none';
    this.#instructions(r);
    return this;
  }

  #locals(r: ByteReader): void {
    const { params } = this.signature(this.index);
    let total = params.length;
    this.params = total;
    this.#reserveLocals(total);
    this.localTypes.set(params);
    for (let groups = r.count(limits.functionLocals, 'groups of locals'); groups > 0; groups--) {
      const at = r.pos;
      const count = r.u32();
      const typeAt = r.pos;
      const type = r.u8();
      if (!isValueType(type)) {
        if (type === 0x63 || type === 0x64) {
          throw new SuspendError('module-unsupported', 'typed function references (local)', { offset: typeAt });
        }
        r.fail(`0x${type.toString(16)} is not a value type`, typeAt);
      }
      if (total + count > limits.functionLocals) {
        throw new SuspendError('module-too-large', `more than ${limits.functionLocals} locals`, { offset: at });
      }
      this.#reserveLocals(total + count);
      this.localTypes.fill(type, total, total + count);
      total += count;
    }
    this.locals = total;
  }

  #reserveLocals(count: number): void {
    if (count <= this.localTypes.length) return;
    const grown = new Uint8Array(count * 2);
    grown.set(this.localTypes);
    this.localTypes = grown;
  }

  /** A body of n bytes has at most n instructions. */
  #reserve(bytes: number): void {
    if (bytes <= this.code.length) return;
    const size = Math.min(Math.ceil(bytes * 1.5), limits.functionBytes + 1);
    this.code = new Uint16Array(size);
    this.pos = new Int32Array(size + 1);
    this.a = new Int32Array(size);
    this.b = new Int32Array(size);
    this.type = new Int32Array(size);
    this.weight = new Int32Array(size);
    this.calls = new Uint8Array(size);
  }

  #instructions(r: ByteReader): void {
    const { code, pos, a, b, type, module } = this;
    const opener = this.#opener;
    opener.length = 0;
    this.#callsBefore.length = 0;
    this.#innerWeight.length = 0;
    let calls = 0;
    let innerWeight = 0;
    let n = 0;
    const functions = module.functions.length;
    for (;;) {
      const at = r.pos;
      let c = r.u8();
      if (c === 0xfc || c === 0xfd) {
        const sub = r.u32();
        if (sub >= (c === 0xfc ? 0x20 : 0x114)) this.#refuse(c, sub, at);
        c = (c === 0xfc ? misc : simd) + sub;
        if (immediates[c] === imm.invalid) this.#refuse(c < simd ? 0xfc : 0xfd, sub, at);
      }
      code[n] = c;
      pos[n] = at;
      switch (immediates[c]) {
        case imm.none:
          break;
        case imm.index:
          a[n] = this.#indexImmediate(r);
          break;
        case imm.s32:
          a[n] = r.s32();
          break;
        case imm.memarg:
          this.#memarg(r);
          break;
        case imm.index2:
          a[n] = this.#indexImmediate(r);
          b[n] = this.#indexImmediate(r);
          break;
        case imm.s64:
          r.skipLeb();
          break;
        case imm.bytes4:
          r.skip(4);
          break;
        case imm.bytes8:
          r.skip(8);
          break;
        case imm.block:
          type[n] = this.#blockType(r);
          break;
        case imm.brTable: {
          const count = r.count(limits.brTableTargets, 'branch targets');
          a[n] = count;
          b[n] = r.pos;
          for (let i = 0; i <= count; i++) if (r.u32() > opener.length) r.fail('branch target does not exist', at);
          break;
        }
        case imm.byte:
          r.skip(1);
          break;
        case imm.bytes16:
          r.skip(16);
          break;
        case imm.memargLane:
          this.#memarg(r);
          r.skip(1);
          break;
        case imm.selectTypes: {
          if (r.u32() !== 1) r.fail('select with other than one type', at);
          a[n] = this.#valueType(r);
          break;
        }
        case imm.heapType:
          a[n] = this.#valueType(r);
          break;
        case imm.tryTable:
          type[n] = this.#blockType(r);
          b[n] = r.pos;
          this.#catches(r, opener.length);
          break;
        default:
          this.#refuse(c, 0, at);
      }
      switch (c) {
        case op.localGet:
        case op.localSet:
        case op.localTee:
          if (a[n]! >= this.locals) r.fail(`local ${a[n]} does not exist`, at);
          break;
        case op.block:
        case op.loop:
        case op.if:
        case op.try:
        case op.tryTable:
          if (opener.length >= limits.nesting) r.fail(`blocks nested deeper than ${limits.nesting}`, at);
          if (c === op.loop) {
            this.loops++;
            this.#innerWeight.push(innerWeight);
            innerWeight = 0;
          } else if (c === op.if) {
            b[n] = -1;
          } else if (c === op.try) {
            b[n] = -1;
            this.#form('legacy', at);
          } else if (c === op.tryTable) {
            this.#form('try_table', at);
          }
          opener.push(n);
          this.#callsBefore.push(calls);
          break;
        case op.else: {
          const open = opener.at(-1);
          if (open === undefined || code[open] !== op.if || b[open] !== -1) r.fail('else without if', at);
          b[n] = open;
          b[open] = n;
          break;
        }
        case op.catch:
        case op.catchAll: {
          const open = opener.at(-1);
          if (open === undefined || code[open] !== op.try) r.fail('catch without try', at);
          if (c === op.catch && a[n]! >= module.tags.length) r.fail(`tag ${a[n]} does not exist`, at);
          if (b[open] === -1) b[open] = n;
          b[n] = open;
          break;
        }
        case op.delegate: {
          const open = opener.pop();
          if (open === undefined || code[open] !== op.try) r.fail('delegate without try', at);
          if (a[n]! > opener.length) r.fail('delegate target does not exist', at);
          this.#callsBefore.pop();
          a[open] = n;
          b[n] = open;
          break;
        }
        case op.end: {
          const open = opener.pop();
          if (open === undefined) {
            b[n] = -1;
            n++;
            pos[n] = r.pos;
            if (r.pos !== r.end) r.fail('code behind the end of the function');
            this.count = n;
            this.hasCalls = calls > 0;
            return;
          }
          const before = this.#callsBefore.pop()!;
          if (code[open] === op.loop) {
            this.calls[open] = calls > before ? 1 : 0;
            this.weight[open] = Math.max(1, n - open - innerWeight);
            innerWeight = this.#innerWeight.pop()! + (n - open);
          }
          a[open] = n;
          b[n] = open;
          break;
        }
        case op.br:
        case op.brIf:
        case op.rethrow:
          if (a[n]! > opener.length) r.fail('branch target does not exist', at);
          break;
        case op.call:
          calls++;
          if (a[n]! >= functions) r.fail(`function ${a[n]} does not exist`, at);
          break;
        case op.returnCall:
        case op.refFunc:
          if (a[n]! >= functions) r.fail(`function ${a[n]} does not exist`, at);
          break;
        case op.callIndirect:
          calls++;
          this.#indirect(r, n, at);
          break;
        case op.returnCallIndirect:
          this.#indirect(r, n, at);
          break;
        case op.globalGet:
        case op.globalSet:
          if (a[n]! >= module.globals.length) r.fail(`global ${a[n]} does not exist`, at);
          break;
        case op.throw:
          if (a[n]! >= module.tags.length) r.fail(`tag ${a[n]} does not exist`, at);
          break;
        case op.tableGet:
        case op.tableSet:
        case op.tableGrow:
        case op.tableSize:
        case op.tableFill:
          if (a[n]! >= module.tables.length) r.fail(`table ${a[n]} does not exist`, at);
          break;
        case op.memorySize:
        case op.memoryGrow:
          if (a[n]! >= module.memories.length) r.fail(`memory ${a[n]} does not exist`, at);
          break;
      }
      n++;
    }
  }

  /** An index that fits the signed arrays; a larger one would turn negative there and pass the checks. */
  #indexImmediate(r: ByteReader): number {
    const at = r.pos;
    const index = r.u32();
    return index < 0x80000000 ? index : r.fail(`index ${index} does not exist`, at);
  }

  #indirect(r: ByteReader, n: number, at: number): void {
    if (this.a[n]! >= this.module.types.length) r.fail(`type ${this.a[n]} does not exist`, at);
    if (this.b[n]! >= this.module.tables.length) r.fail(`table ${this.b[n]} does not exist`, at);
  }

  #form(form: ExceptionForm, at: number): void {
    if (this.exceptions !== 'none' && this.exceptions !== form) {
      throw new SuspendError('module-unsupported', 'legacy and try_table exception handling in one module', {
        offset: at,
      });
    }
    this.exceptions = form;
  }

  #refuse(prefix: number, sub: number, at: number): never {
    throw new SuspendError('module-unsupported', proposalOf(prefix, sub), { offset: at });
  }

  #memarg(r: ByteReader): void {
    const at = r.pos;
    const align = r.u32();
    if (align >= 0x80) r.fail(`alignment flags ${align}`, at);
    if (align & 0x40) r.u32();
    r.skipLeb();
  }

  #valueType(r: ByteReader): number {
    const at = r.pos;
    const byte = r.u8();
    if (!isValueType(byte)) {
      throw new SuspendError(
        'module-unsupported',
        `reference type 0x${byte.toString(16)} (function references or GC)`,
        {
          offset: at,
        },
      );
    }
    return byte;
  }

  #blockType(r: ByteReader): number {
    const at = r.pos;
    if (r.pos >= r.end) r.fail('unexpected end');
    const byte = r.bytes[r.pos]!;
    if (byte === 0x40) {
      r.pos++;
      return -1;
    }
    if (byte >= 0x40 && byte < 0x80) return -this.#valueType(r);
    const index = r.u32();
    if (index >= this.module.types.length) r.fail(`type ${index} does not exist`, at);
    return index;
  }

  #catches(r: ByteReader, depth: number): void {
    for (let n = r.count(limits.tryTableCatches, 'catch clauses'); n > 0; n--) {
      const at = r.pos;
      const kind = r.u8();
      if (kind > 3) r.fail(`catch clause kind ${kind}`, at);
      if (kind < 2 && r.u32() >= this.module.tags.length) r.fail('tag of a catch clause does not exist', at);
      if (r.u32() > depth) r.fail('label of a catch clause does not exist', at);
    }
  }

  /** The catch clauses of the `try_table` at instruction `i`; labels count from outside it. */
  catches(i: number): { kind: number; tag: number; label: number }[] {
    const r = new ByteReader(this.module.bytes, this.b[i]!, this.pos[i + 1]!);
    return Array.from({ length: r.u32() }, () => {
      const kind = r.u8();
      return { kind, tag: kind < 2 ? r.u32() : -1, label: r.u32() };
    });
  }

  /** The targets of the `br_table` at instruction `i`, the default last. */
  branchTargets(i: number): Uint32Array {
    const r = new ByteReader(this.module.bytes, this.b[i]!, this.pos[i + 1]!);
    return Uint32Array.from({ length: this.a[i]! + 1 }, () => r.u32());
  }
}
