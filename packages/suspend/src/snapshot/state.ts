import { carrier, type Slot, slotKey } from '../instrument/layout.ts';
import { exported } from '../instrument/names.ts';
import { SuspendError } from '../module/error.ts';
import { valueType, valueTypeName } from '../module/value-type.ts';
import { ExceptionCodec } from '../runtime/exception-codec.ts';
import { join, split, type Values } from '../runtime/frame.ts';
import type { Program } from '../runtime/program.ts';

/** A value by its type. Floats by their bits; a function by its index, null as -1. */
export type StateValue =
  | { readonly type: 'i32' | 'f32'; readonly bits: number }
  | { readonly type: 'i64' | 'f64'; readonly bits: bigint }
  | { readonly type: 'v128'; readonly low: bigint; readonly high: bigint }
  | { readonly type: 'funcref' | 'externref'; readonly index: number }
  /** An exception by its tag and arguments; tag -1: null. */
  | { readonly type: 'exnref'; readonly tag: number; readonly arguments: readonly StateValue[] };

/** A frame in terms of the original module: nothing in it depends on how the module was instrumented. */
export interface StateFrame {
  readonly function: number;
  /** Offset in the code section of the call, loop or body at which the frame stands. */
  readonly offset: number;
  readonly kind: 'call' | 'loop' | 'entry';
  /** Live locals by index; the others have no influence on what follows. */
  readonly locals: readonly { readonly index: number; readonly value: StateValue }[];
  /** Operands, bottom first; with the arguments if `kind` is `call` and the call is to be made again. */
  readonly operands: readonly StateValue[];
  /** Exceptions being handled by legacy handlers, see `caughtTypes`. */
  readonly caught: readonly { readonly index: number; readonly value: StateValue }[];
}

/** Everything of a suspended program but what its host keeps. */
export interface ProgramState {
  /** Digest of the original module. */
  readonly module: string;
  /** Outermost first. */
  readonly frames: readonly StateFrame[];
  /** Mutable globals by index. */
  readonly globals: readonly { readonly index: number; readonly value: StateValue }[];
  /** Elements of each table as function indices, null as -1. */
  readonly tables: readonly Int32Array[];
  /** Views of the memories: valid until the program runs again. */
  readonly memories: readonly Uint8Array[];
  /** Which of the droppable segments are dropped, data segments first. */
  readonly dropped: readonly boolean[];
}

/** The state of a suspended program. Memories are views, not copies. */
export function captureState(program: Program): ProgramState {
  if (program.next.kind !== 'resume') {
    throw new SuspendError('bad-state', `program is not suspended (${program.next.kind})`);
  }
  const { module, added, suspendable } = program;
  const { metadata } = suspendable;
  const functions = new References(program);
  const exports = program.instance.exports;
  const toValue = (type: number, raw: readonly unknown[]): StateValue => stateValue(type, raw, functions);
  const frames = program.frames.map((frame): StateFrame => {
    const info = suspendable.factory.site(frame.offset);
    const order = frame.order === 'saved' ? info.savedSlots : info.slots;
    const values = split(frame, order);
    const value = (slot: Slot): StateValue => toValue(slot.type, values.get(slotKey(slot))!);
    return {
      function: info.function,
      offset: frame.offset,
      kind: info.site.kind,
      locals: info.slots.filter((s) => s.kind === 'local').map((s) => ({ index: s.index, value: value(s) })),
      operands: info.slots.filter((s) => s.kind === 'operand').map(value),
      caught: info.slots.filter((s) => s.kind === 'caught').map((s) => ({ index: s.index, value: value(s) })),
    };
  });
  const globals = module.globals.flatMap(({ type, mutable }, index) =>
    mutable
      ? [{ index, value: globalValue(exports[exported.global(index)] as WebAssembly.Global, type, functions) }]
      : [],
  );
  const tables = module.tables.map((_, i) => {
    const table = exports[exported.table(i)] as WebAssembly.Table;
    return Int32Array.from({ length: table.length }, (__, at) => functions.of(table.get(at)));
  });
  const memories = module.memories.map(
    (_, i) => new Uint8Array((exports[exported.memory(i)] as WebAssembly.Memory).buffer),
  );
  const flags = metadata.droppable.data.length + metadata.droppable.elements.length;
  const dropped = Array.from(
    { length: flags },
    (_, i) => (exports[exported.global(added.firstDropFlag + i)] as WebAssembly.Global).value !== 0,
  );
  return { module: metadata.digest, frames, globals, tables, memories, dropped };
}

/** Puts a state into a program that has not begun. Throws `snapshot-mismatch` where it does not fit the module. */
export function restoreState(program: Program, state: ProgramState): void {
  const { module, added, suspendable } = program;
  const { metadata } = suspendable;
  if (program.next.kind !== 'idle' || program.frames.length > 0) {
    throw new SuspendError('bad-state', 'a state can be restored only into a program that has not begun');
  }
  const mismatch = (what: string): never => {
    throw new SuspendError('snapshot-mismatch', what);
  };
  if (state.module !== metadata.digest) mismatch(`state is of module ${state.module}, not ${metadata.digest}`);
  const exports = program.instance.exports;
  const functions = new References(program);
  if (state.memories.length !== module.memories.length) mismatch('number of memories');
  if (state.tables.length !== module.tables.length) mismatch('number of tables');
  state.memories.forEach((bytes, i) => {
    const memory = exports[exported.memory(i)] as WebAssembly.Memory;
    const missing = bytes.length - memory.buffer.byteLength;
    if (missing < 0 || missing % 65536 !== 0) mismatch(`memory ${i} of ${bytes.length} bytes`);
    if (missing > 0) growMemory(memory, missing / 65536, module.memories[i]!.index64);
    new Uint8Array(memory.buffer).set(bytes);
  });
  state.tables.forEach((elements, i) => {
    const table = exports[exported.table(i)] as WebAssembly.Table;
    if (elements.length < table.length) mismatch(`table ${i} of ${elements.length} elements`);
    if (elements.length > table.length) table.grow(elements.length - table.length);
    elements.forEach((index, at) => {
      const wanted = functions.at(index);
      if (table.get(at) !== wanted) table.set(at, wanted);
    });
  });
  for (const { index, value } of state.globals) {
    const type = module.globals[index];
    if (!type?.mutable || valueTypeName(type.type) !== value.type) mismatch(`global ${index}`);
    setGlobal(exports[exported.global(index)] as WebAssembly.Global, value, functions);
  }
  const { data, elements } = metadata.droppable;
  state.dropped.forEach((dropped, i) => {
    if (!dropped) return;
    const isData = i < data.length;
    const segment = isData ? data[i]! : elements[i - data.length]!;
    (exports[exported.segment(isData ? 0x109 : 0x10d, segment, 0)] as () => void)();
    (exports[exported.global(added.firstDropFlag + i)] as WebAssembly.Global).value = 1;
  });
  program.frames = state.frames.map((frame) => {
    const info = suspendable.factory.site(frame.offset);
    if (info.function !== frame.function || info.site.kind !== frame.kind) mismatch(`frame at offset ${frame.offset}`);
    const given = new Map<number, readonly unknown[]>();
    for (const { index, value } of frame.locals) {
      const type = info.localTypes[index];
      if (type === undefined || valueTypeName(type) !== value.type)
        mismatch(`local ${index} at offset ${frame.offset}`);
      given.set(slotKey({ kind: 'local', index, type: type! }), rawValue(value, functions));
    }
    if (frame.operands.length !== info.site.operands.length) mismatch(`operands at offset ${frame.offset}`);
    frame.operands.forEach((value, index) => {
      const type = info.site.operands[index]!;
      if (valueTypeName(type) !== value.type) mismatch(`operand ${index} at offset ${frame.offset}`);
      given.set(slotKey({ kind: 'operand', index, type }), rawValue(value, functions));
    });
    for (const { index, value } of frame.caught) {
      const type = info.slots.find((slot) => slot.kind === 'caught' && slot.index === index)?.type;
      if (type === undefined || valueTypeName(type) !== value.type) mismatch(`caught value at offset ${frame.offset}`);
      given.set(slotKey({ kind: 'caught', index, type: type! }), rawValue(value, functions));
    }
    const values: Values = join(info.slots.map((slot) => [slot, given.get(slotKey(slot))] as const));
    return { offset: frame.offset, order: 'resume' as const, ...values };
  });
  program.next = { kind: 'resume' };
}

/** Functions and exceptions of an instance in terms of the module, and back. */
class References {
  readonly #table: WebAssembly.Table;
  readonly #program: Program;
  #codec: ExceptionCodec | undefined;
  #numbers: Map<unknown, number> | undefined;

  constructor(program: Program) {
    this.#program = program;
    this.#table = program.instance.exports[exported.functions] as WebAssembly.Table;
  }

  /**
   * WebKit wraps a function anew for each table, so the objects differ; but the name of an exported function is its
   * index (WebAssembly JavaScript Interface, "name of the WebAssembly function").
   */
  #byName(value: unknown): number | undefined {
    if (typeof value !== 'function' || !/^\d+$/.test(value.name)) return undefined;
    const index = Number(value.name);
    return index < this.#table.length && (this.#table.get(index) as { name?: string }).name === value.name
      ? index
      : undefined;
  }

  get #exceptions(): ExceptionCodec {
    this.#codec ??= new ExceptionCodec(this.#program.module, this.#program.instance.exports);
    return this.#codec;
  }

  exception(index: number): StateValue {
    const { tag, values } = this.#exceptions.describe(index);
    if (tag === -1) return { type: 'exnref', tag, arguments: [] };
    const slots = this.#arguments(tag);
    if (!slots) throw new SuspendError('snapshot-unsupported', 'an exception of the host is live');
    const parts = split(values, slots);
    return { type: 'exnref', tag, arguments: slots.map((s) => stateValue(s.type, parts.get(slotKey(s))!, this)) };
  }

  /** The index in the exception table of an exception equal to the one described. */
  makeException(tag: number, values: readonly StateValue[]): number {
    const slots = tag < 0 ? [] : this.#arguments(tag);
    if (slots?.length !== values.length || slots.some((s, i) => valueTypeName(s.type) !== values[i]!.type)) {
      throw new SuspendError('snapshot-mismatch', `exception with tag ${tag}`);
    }
    return this.#exceptions.make({ tag, values: join(slots.map((s, i) => [s, rawValue(values[i]!, this)] as const)) });
  }

  #arguments(tag: number): Slot[] | undefined {
    const { module } = this.#program;
    const type = module.tags[tag];
    if (type === undefined) return undefined;
    return Array.from(module.types[type]!.params, (t, index) => ({ kind: 'operand', index, type: t }));
  }

  at(index: number): unknown {
    if (index < 0) return null;
    if (index >= this.#table.length) throw new SuspendError('snapshot-mismatch', `function ${index} does not exist`);
    return this.#table.get(index);
  }

  of(value: unknown): number {
    if (value === null || value === undefined) return -1;
    if (!this.#numbers) {
      this.#numbers = new Map();
      for (let i = this.#table.length - 1; i >= 0; i--) this.#numbers.set(this.#table.get(i), i);
    }
    const index = this.#numbers.get(value) ?? this.#byName(value);
    if (index === undefined) {
      throw new SuspendError('snapshot-unsupported', 'a reference to something that is not a function of the module');
    }
    return index;
  }
}

function stateValue(type: number, raw: readonly unknown[], functions: References): StateValue {
  const name = valueTypeName(type);
  switch (name) {
    case 'i32':
    case 'f32':
      return { type: name, bits: raw[0] as number };
    case 'i64':
    case 'f64':
      return { type: name, bits: raw[0] as bigint };
    case 'v128':
      return { type: name, low: raw[0] as bigint, high: raw[1] as bigint };
    case 'exnref':
      return functions.exception(raw[0] as number);
    default:
      return { type: name, index: functions.of(raw[0]) };
  }
}

function rawValue(value: StateValue, functions: References): readonly unknown[] {
  if ('bits' in value) return [value.bits];
  if ('low' in value) return [value.low, value.high];
  if ('tag' in value) return [functions.makeException(value.tag, value.arguments)];
  return [functions.at(value.index)];
}

const scratch = new DataView(new ArrayBuffer(8));

function globalValue(global: WebAssembly.Global, type: number, functions: References): StateValue {
  if (carrier(type) === 'exception' || type === valueType.v128) {
    throw new SuspendError('snapshot-unsupported', `mutable global of type ${valueTypeName(type)}`);
  }
  const { value } = global;
  switch (type) {
    case valueType.f32:
      scratch.setFloat32(0, value as number);
      return { type: 'f32', bits: scratch.getInt32(0) };
    case valueType.f64:
      scratch.setFloat64(0, value as number);
      return { type: 'f64', bits: scratch.getBigInt64(0) };
    default:
      return stateValue(type, [value], functions);
  }
}

function setGlobal(global: WebAssembly.Global, value: StateValue, functions: References): void {
  switch (value.type) {
    case 'f32':
      scratch.setInt32(0, value.bits);
      global.value = scratch.getFloat32(0);
      break;
    case 'f64':
      scratch.setBigInt64(0, value.bits);
      global.value = scratch.getFloat64(0);
      break;
    default:
      global.value = rawValue(value, functions)[0];
  }
}

function growMemory(memory: WebAssembly.Memory, pages: number, index64: boolean): void {
  try {
    memory.grow((index64 ? BigInt(pages) : pages) as number);
  } catch (cause) {
    throw new SuspendError('snapshot-mismatch', `memory cannot grow by ${pages} pages`, { cause });
  }
}
