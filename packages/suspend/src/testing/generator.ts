import { encodeModule } from '../module/encode.ts';
import { op } from '../module/opcodes.ts';
import { valueType } from '../module/value-type.ts';
import { ByteWriter } from '../module/writer.ts';

const { i32, i64, f32, f64, v128, funcref, externref } = valueType;

/** A reproducible source of numbers (mulberry32). */
export class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }
  below(n: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  }
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }
}

interface Signature {
  readonly params: number[];
  readonly results: number[];
}

interface Label {
  /** What a branch to it carries. */
  readonly types: readonly number[];
  readonly loop: boolean;
  /** A legacy try whose handler we are in: `rethrow` may name it. */
  readonly handler: boolean;
}

export interface GeneratorOptions {
  readonly exceptions?: 'none' | 'legacy' | 'try_table';
  readonly functions?: number;
  /** Nesting of what is generated. */
  readonly depth?: number;
  /** Put the imports into the table too, so that they are called through it; default true. */
  readonly importsInTable?: boolean;
}

/**
 * A valid module that ends: every call and every turn of a loop takes from a budget. Stresses what suspending makes
 * hard: operands below calls at all depths, block and loop parameters, several results, branches with values,
 * br_table, code that cannot be reached, references, vectors, tail calls, exceptions.
 * It imports `env.log (i32)` and `env.ask (i32, i64) -> i32` and exports `memory` and `_start`.
 */
export function generateModule(seed: number, options: GeneratorOptions = {}): Uint8Array<ArrayBuffer> {
  return new Generator(seed, options).module();
}

const log = 0;
const ask = 1;
const imported = 2;
const budget = 0;
const pool = [i32, i32, i32, i64, i64, f32, f64, v128, funcref, externref];

class Generator {
  readonly random: Random;
  readonly options: Required<GeneratorOptions>;
  readonly types: Signature[] = [];
  readonly functions: Signature[] = [];
  readonly globals: number[] = [i32, i32, i64, f64];
  readonly tags: number[][] = [];
  out: ByteWriter = new ByteWriter(4096);
  locals: number[] = [];
  labels: Label[] = [];
  results: readonly number[] = [];
  self = 0;

  constructor(seed: number, options: GeneratorOptions) {
    this.random = new Random(seed);
    this.options = { exceptions: 'none', functions: 4, depth: 5, importsInTable: true, ...options };
  }

  type(params: readonly number[], results: readonly number[]): number {
    const found = this.types.findIndex((t) => t.params.join() === params.join() && t.results.join() === results.join());
    return found >= 0 ? found : this.types.push({ params: [...params], results: [...results] }) - 1;
  }

  someTypes(most: number): number[] {
    return Array.from({ length: this.random.below(most + 1) }, () => this.random.pick(pool));
  }

  module(): Uint8Array<ArrayBuffer> {
    const { options } = this;
    this.functions.push({ params: [i32], results: [] }, { params: [i32, i64], results: [i32] });
    for (let i = 0; i < options.functions; i++) {
      this.functions.push({ params: this.someTypes(4), results: this.someTypes(3) });
    }
    for (const { params, results } of this.functions) this.type(params, results);
    if (options.exceptions !== 'none') {
      this.tags.push([i32], [i64, i32]);
      for (const tag of this.tags) this.type(tag, []);
    }
    const bodies = this.functions.slice(imported).map((_, i) => this.body(imported + i));
    bodies.push(this.main());
    const types = new ByteWriter();
    const startType = this.type([], []);
    const section = (id: number, count: number, content: ByteWriter): { id: number; bytes: Uint8Array } => ({
      id,
      bytes: new ByteWriter().u32(count).copy(content.view()).view(),
    });
    for (const { params, results } of this.types) {
      types
        .u8(0x60)
        .u32(params.length)
        .put(...params)
        .u32(results.length)
        .put(...results);
    }
    const imports = new ByteWriter()
      .name('env')
      .name('log')
      .u8(0)
      .u32(this.type([i32], []))
      .name('env')
      .name('ask')
      .u8(0)
      .u32(this.type([i32, i64], [i32]));
    const functions = new ByteWriter();
    for (const { params, results } of this.functions.slice(imported)) functions.u32(this.type(params, results));
    functions.u32(startType);
    const count = this.functions.length;
    const tables = new ByteWriter().put(funcref, 0).u32(count);
    const memories = new ByteWriter().put(1, 1, 2);
    const tags = new ByteWriter();
    for (const tag of this.tags) tags.u8(0).u32(this.type(tag, []));
    const globals = new ByteWriter()
      .put(i32, 1, op.i32Const)
      .s32(400)
      .u8(op.end)
      .put(i32, 1, op.i32Const, 7, op.end)
      .put(i64, 1, op.i64Const, 9, op.end)
      .put(f64, 1, op.f64Const, 0, 0, 0, 0, 0, 0, 0, 0, op.end);
    const exports = new ByteWriter().name('memory').put(2, 0).name('_start').u8(0).u32(count);
    const firstElement = options.importsInTable ? 0 : imported;
    const elements = new ByteWriter().put(0, op.i32Const, firstElement, op.end).u32(count - firstElement);
    for (let i = firstElement; i < count; i++) elements.u32(i);
    const code = new ByteWriter();
    for (const body of bodies) code.nested(body);
    const sections = [
      section(1, this.types.length, types),
      section(2, 2, imports),
      section(3, this.functions.length - imported + 1, functions),
      section(4, 1, tables),
      section(5, 1, memories),
      ...(this.tags.length > 0 ? [section(13, this.tags.length, tags)] : []),
      section(6, 4, globals),
      section(7, 2, exports),
      section(9, 1, elements),
      section(10, bodies.length, code),
    ];
    return encodeModule(sections);
  }

  body(index: number): ByteWriter {
    const { random } = this;
    const { params, results } = this.functions[index]!;
    const declared = Array.from({ length: 2 + random.below(5) }, () => random.pick(pool));
    this.self = index;
    this.locals = [...params, ...declared];
    this.results = results;
    this.labels = [{ types: results, loop: false, handler: false }];
    this.out = new ByteWriter(4096);
    // Out of budget: zeros.
    this.spend(2);
    this.out.put(op.if, 0x40);
    for (const type of results) this.zero(type);
    this.out.put(op.return, op.end);
    this.values(results, this.options.depth);
    this.out.u8(op.end);
    const body = new ByteWriter(this.out.length + 64).u32(declared.length);
    for (const type of declared) body.u32(1).u8(type);
    return body.copy(this.out.view());
  }

  /** Calls everything, logs what comes back, catches what is thrown. */
  main(): ByteWriter {
    this.out = new ByteWriter(1024);
    this.locals = [];
    const { out } = this;
    this.functions.forEach(({ params, results }, index) => {
      if (index < imported) return;
      out.put(op.i32Const).s32(400).u8(op.globalSet).u32(budget);
      if (this.options.exceptions === 'legacy') out.put(op.try, 0x40);
      if (this.options.exceptions === 'try_table') out.put(op.block, 0x40, op.tryTable, 0x40, 1, 2, 0);
      for (const type of params) this.constant(type);
      out.u8(op.call).u32(index);
      for (let i = results.length - 1; i >= 0; i--) this.show(results[i]!);
      if (this.options.exceptions === 'legacy') out.put(op.catchAll, op.i32Const, 0x7e, op.call, log, op.end);
      if (this.options.exceptions === 'try_table') out.put(op.end, op.end);
      out.u8(op.globalGet).u32(1).put(op.call, log);
    });
    return new ByteWriter().u32(0).copy(out.u8(op.end).view());
  }

  /** Leaves 1 if the budget is used up. */
  spend(units: number): void {
    this.out.u8(op.globalGet).u32(budget).u8(op.i32Const).s32(units).u8(op.i32Sub).u8(op.globalSet).u32(budget);
    this.out.u8(op.globalGet).u32(budget).put(op.i32Const, 0, op.i32LtS);
  }

  /** Consumes a value and logs a number of it. Floats are rounded: their NaNs are not the same everywhere. */
  show(type: number): void {
    const { out } = this;
    this.toI32(type);
    out.put(op.call, log);
  }

  toI32(type: number): void {
    const { out } = this;
    if (type === i64) out.u8(0xa7);
    else if (type === f32) out.put(0xfc, 0);
    else if (type === f64) out.put(0xfc, 2);
    else if (type === v128) out.put(0xfd, 0x1b, 2);
    else if (type === funcref || type === externref) out.u8(op.refIsNull);
  }

  zero(type: number): void {
    const { out } = this;
    if (type === i32) out.put(op.i32Const, 0);
    else if (type === i64) out.put(op.i64Const, 0);
    else if (type === f32) out.put(op.f32Const, 0, 0, 0, 0);
    else if (type === f64) out.put(op.f64Const, 0, 0, 0, 0, 0, 0, 0, 0);
    else if (type === v128) out.put(0xfd, 0x0c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    else out.put(op.refNull, type);
  }

  constant(type: number): void {
    const { out, random } = this;
    if (type === i32) out.u8(op.i32Const).s32(random.below(1 << 16) - 100);
    else if (type === i64) out.u8(op.i64Const).s64(BigInt(random.below(1 << 30)) * 7n - 1000n);
    else if (type === f32)
      out
        .u8(op.i32Const)
        .s32(random.below(2000) - 1000)
        .u8(0xb2);
    else if (type === f64)
      out
        .u8(op.i32Const)
        .s32(random.below(200000) - 1000)
        .u8(0xb7);
    else if (type === v128) out.put(op.i32Const).s32(random.below(99999)).put(0xfd, 0x11);
    else if (type === funcref && random.chance(70)) {
      const least = this.options.importsInTable ? 0 : imported;
      out.u8(op.refFunc).u32(least + random.below(this.functions.length - least));
    } else out.put(op.refNull, type);
  }

  /** Code that leaves these values, maybe after doing other things. */
  values(types: readonly number[], depth: number): void {
    const { random } = this;
    if (depth > 0) for (let n = random.below(3); n > 0; n--) this.statement(depth - 1);
    if (types.length !== 1 && depth > 0 && random.chance(50)) {
      this.compound(types, depth - 1);
      return;
    }
    for (const type of types) this.value(type, depth);
  }

  value(type: number, depth: number): void {
    const { random, out } = this;
    if (depth <= 0 || random.chance(10)) {
      const locals = this.locals.flatMap((t, i) => (t === type ? [i] : []));
      if (locals.length > 0 && random.chance(70)) out.u8(op.localGet).u32(random.pick(locals));
      else this.constant(type);
      return;
    }
    switch (random.below(12)) {
      case 0:
      case 1:
      case 2:
      case 3:
        this.arithmetic(type, depth - 1);
        return;
      case 4: {
        const locals = this.locals.flatMap((t, i) => (t === type ? [i] : []));
        this.value(type, depth - 1);
        if (locals.length > 0) out.u8(op.localTee).u32(random.pick(locals));
        return;
      }
      case 5:
        this.value(type, depth - 1);
        this.value(type, depth - 1);
        this.value(i32, depth - 1);
        out.put(op.selectT, 1, type);
        return;
      case 6: {
        const calls = this.functions.flatMap((f, i) => (f.results.length === 1 && f.results[0] === type ? [i] : []));
        if (calls.length > 0) this.call(random.pick(calls), depth - 1);
        else this.constant(type);
        return;
      }
      default:
        this.compound([type], depth - 1);
    }
  }

  arithmetic(type: number, depth: number): void {
    const { random, out } = this;
    if (type === i32) {
      if (random.chance(20)) {
        const from = random.pick(pool);
        this.value(from, depth);
        this.toI32(from);
        return;
      }
      if (random.chance(15)) {
        this.value(i32, depth);
        this.value(i64, depth);
        out.put(op.call, ask);
        return;
      }
      if (random.chance(15)) {
        this.value(i32, depth);
        out.put(op.i32Const).s32(0xffff).put(0x71, 0x28, 2).u32(random.below(64));
        return;
      }
      this.value(i32, depth);
      this.value(i32, depth);
      out.u8(random.pick([0x6a, 0x6b, 0x6c, 0x71, 0x72, 0x73, 0x74, 0x46, 0x48, 0x6d]));
    } else if (type === i64) {
      this.value(i64, depth);
      this.value(i64, depth);
      out.u8(random.pick([0x7c, 0x7d, 0x7e, 0x83, 0x85, 0x86]));
    } else if (type === f32 || type === f64) {
      this.value(type, depth);
      this.value(type, depth);
      out.u8((type === f32 ? 0x92 : 0xa0) + random.below(3));
    } else if (type === v128) {
      this.value(v128, depth);
      this.value(v128, depth);
      out.put(0xfd).u32(random.pick([0xae, 0xb1, 0x51, 0x6e]));
    } else if (type === funcref && random.chance(60)) {
      this.value(i32, depth);
      out.put(op.i32Const).s32(this.functions.length).put(op.i32RemU, op.tableGet, 0);
    } else {
      this.constant(type);
    }
  }

  call(index: number, depth: number): void {
    const { random, out } = this;
    const { params } = this.functions[index]!;
    for (const type of params) this.value(type, depth);
    if (random.chance(40) && (index >= imported || this.options.importsInTable)) {
      out.u8(op.i32Const).s32(index);
      out.u8(op.callIndirect).u32(this.type(params, this.functions[index]!.results)).u8(0);
    } else {
      out.u8(op.call).u32(index);
    }
  }

  /** A construct that leaves these values. */
  compound(types: readonly number[], depth: number): void {
    const { random, out } = this;
    const params = random.chance(30) ? this.someTypes(2) : [];
    switch (random.below(this.options.exceptions === 'none' ? 5 : 8)) {
      case 0:
      case 1:
        this.values(params, depth);
        this.open(op.block, params, types, { types, loop: false, handler: false });
        this.use(params);
        this.values(types, depth);
        this.close();
        return;
      case 2:
        this.values(params, depth);
        this.value(i32, depth);
        this.open(op.if, params, types, { types, loop: false, handler: false });
        this.use(params);
        this.values(types, depth);
        out.u8(op.else);
        this.use(params);
        this.values(types, depth);
        this.close();
        return;
      case 3:
        this.values(params, depth);
        this.open(op.loop, params, types, { types: params, loop: true, handler: false });
        this.spend(1);
        out.put(op.if, 0x40);
        this.labels.push({ types: [], loop: false, handler: false });
        this.give();
        this.labels.pop();
        out.u8(op.end);
        this.use(params);
        this.values(types, depth);
        this.close();
        return;
      case 4: {
        const calls = this.functions.flatMap((f, i) => (f.results.join() === types.join() ? [i] : []));
        if (calls.length > 0) this.call(random.pick(calls), depth);
        else for (const type of types) this.value(type, depth);
        return;
      }
      default:
        if (this.options.exceptions === 'legacy') this.legacyTry(types, depth);
        else this.tryTable(types, depth);
    }
  }

  open(code: number, params: readonly number[], results: readonly number[], label: Label): void {
    this.out.u8(code).s32(this.type(params, results));
    this.labels.push(label);
  }

  close(): void {
    this.labels.pop();
    this.out.u8(op.end);
  }

  /** Takes the values that a construct was entered with. */
  use(params: readonly number[]): void {
    for (let i = params.length - 1; i >= 0; i--) {
      const locals = this.locals.flatMap((t, k) => (t === params[i] ? [k] : []));
      if (locals.length > 0) this.out.u8(op.localSet).u32(this.random.pick(locals));
      else this.out.u8(op.drop);
    }
  }

  /** Returns from the function with constants. */
  give(): void {
    for (const type of this.results) this.constant(type);
    this.out.u8(op.return);
  }

  legacyTry(types: readonly number[], depth: number): void {
    const { random, out } = this;
    this.open(op.try, [], types, { types, loop: false, handler: false });
    this.values(types, depth);
    this.labels.pop();
    if (random.chance(15)) {
      // WebKit takes only a try or the function itself as the target.
      out.u8(op.delegate).u32(this.labels.length - 1);
      return;
    }
    this.labels.push({ types, loop: false, handler: true });
    const all = random.chance(50);
    this.tags.forEach((tag, i) => {
      if (all && random.chance(30)) return;
      out.u8(op.catch).u32(i);
      this.use(tag);
      this.values(types, depth);
    });
    if (all) {
      out.u8(op.catchAll);
      this.values(types, depth);
    }
    this.close();
  }

  tryTable(types: readonly number[], depth: number): void {
    const { random, out } = this;
    // A handler gets the tag's values and perhaps the exception; it goes on behind the block that it leaves.
    const tag = random.below(this.tags.length);
    const kind = random.below(4);
    const carried = [...(kind < 2 ? this.tags[tag]! : []), ...(kind & 1 ? [valueType.exnref] : [])];
    this.open(op.block, [], types, { types, loop: false, handler: false });
    this.open(op.block, [], carried, { types: carried, loop: false, handler: false });
    out.u8(op.tryTable).s32(this.type([], types)).put(1, kind);
    if (kind < 2) out.u32(tag);
    out.u32(0);
    this.labels.push({ types, loop: false, handler: false });
    this.values(types, depth);
    this.close();
    out.u8(op.br).u32(1);
    this.close();
    if (kind & 1) {
      if (random.chance(40)) {
        // The exception stays on the stack while other things happen.
        if (depth > 0) this.statement(depth - 1);
        if (random.chance(50)) out.u8(op.throwRef);
        else out.u8(op.drop);
      } else {
        out.u8(op.drop);
      }
    }
    if (kind < 2) this.use(this.tags[tag]!);
    this.values(types, depth);
    this.close();
  }

  statement(depth: number): void {
    const { random, out } = this;
    switch (random.below(this.options.exceptions === 'none' ? 10 : 12)) {
      case 0:
      case 1: {
        const local = random.below(this.locals.length);
        this.value(this.locals[local]!, depth);
        out.u8(op.localSet).u32(local);
        return;
      }
      case 2: {
        const global = 1 + random.below(3);
        this.value(this.globals[global]!, depth);
        out.u8(op.globalSet).u32(global);
        return;
      }
      case 3:
        this.value(i32, depth);
        out.put(op.i32Const).s32(0xffff).u8(0x71);
        this.value(i32, depth);
        out.put(0x36, 2).u32(random.below(64));
        return;
      case 4: {
        const type = random.pick(pool);
        this.value(type, depth);
        this.show(type);
        return;
      }
      case 5: {
        // A conditional branch outwards, with values below it that it leaves behind.
        const target = random.below(this.labels.length);
        const { types } = this.labels[this.labels.length - 1 - target]!;
        this.values(types, depth);
        this.value(i32, depth);
        out.u8(op.brIf).u32(target);
        for (let i = 0; i < types.length; i++) out.u8(op.drop);
        return;
      }
      case 6: {
        this.open(op.block, [], [], { types: [], loop: false, handler: false });
        this.branchTable(depth);
        this.close();
        return;
      }
      case 7:
        this.open(op.block, [], [], { types: [], loop: false, handler: false });
        this.value(i32, depth);
        out.put(op.brIf, 0);
        if (random.chance(30)) this.tailCall(depth);
        else this.give();
        // Nothing here can be reached; it must be copied all the same.
        if (random.chance(50)) out.put(op.i32Const, 1, op.drop, op.call, log, op.loop, 0x40, op.br, 0, op.end);
        this.close();
        return;
      case 8:
        out.put(op.i32Const).s32(random.below(this.functions.length));
        this.value(funcref, 0);
        out.put(op.drop);
        out.u8(op.refFunc).u32(imported + random.below(this.functions.length - imported));
        out.put(op.drop, op.drop);
        return;
      case 9: {
        const index = imported + random.below(this.functions.length - imported);
        this.call(index, depth);
        for (let i = 0; i < this.functions[index]!.results.length; i++) out.u8(op.drop);
        return;
      }
      default: {
        this.open(op.block, [], [], { types: [], loop: false, handler: false });
        this.value(i32, depth);
        out.put(op.brIf, 0);
        const handlers = this.labels.flatMap((l, i) => (l.handler ? [this.labels.length - 1 - i] : []));
        if (handlers.length > 0 && random.chance(60)) {
          out.u8(op.rethrow).u32(random.pick(handlers));
        } else {
          const tag = random.below(this.tags.length);
          for (const type of this.tags[tag]!) this.value(type, depth);
          out.u8(op.throw).u32(tag);
        }
        this.close();
      }
    }
  }

  branchTable(depth: number): void {
    const { random, out } = this;
    const same = this.labels.flatMap((l, i) => (l.types.length === 0 ? [this.labels.length - 1 - i] : []));
    this.value(i32, depth);
    const targets = Array.from({ length: 1 + random.below(5) }, () => random.pick(same));
    out.u8(op.brTable).u32(targets.length - 1);
    for (const target of targets) out.u32(target);
  }

  tailCall(depth: number): void {
    const { out, random } = this;
    const calls = this.functions.flatMap((f, i) => (f.results.join() === this.results.join() ? [i] : []));
    if (calls.length === 0) {
      this.give();
      return;
    }
    const index = random.pick(calls);
    for (const type of this.functions[index]!.params) this.value(type, depth);
    if (random.chance(50) || (index < imported && !this.options.importsInTable)) {
      out.u8(op.returnCall).u32(index);
    } else {
      out.u8(op.i32Const).s32(index);
      out.u8(op.returnCallIndirect).u32(this.type(this.functions[index]!.params, this.results)).u8(0);
    }
  }
}
