import { FunctionCode } from '../analysis/function-code.ts';
import { addedIndexes, PortSignatures, type RewriteContext } from '../instrument/context.ts';
import { carrier } from '../instrument/layout.ts';
import type { Instrumented } from '../instrument/metadata.ts';
import { Rewriter } from '../instrument/rewriter.ts';
import { decodeModule, type Module } from '../module/decode.ts';
import { encodeModule, extendVector, sectionBytes, TypeTable, writeLimits } from '../module/encode.ts';
import { SuspendError } from '../module/error.ts';
import { op } from '../module/opcodes.ts';
import { isReference, valueType } from '../module/value-type.ts';
import { ByteWriter } from '../module/writer.ts';
import type { ProgramState, StateFrame, StateValue } from '../snapshot/state.ts';
import { memorySegments } from './memory-segments.ts';

/** Most frames of an exported stack: each is a function of its own beside its continuation. */
export const mostExportedFrames = 50_000;

/**
 * A suspended program as an ordinary WASI command module: the original code untouched, memory as data segments, and a
 * `_start` that goes on where the program was, the stack being functions that call each other from the outermost
 * frame inwards. Needs nothing of the engine that the program itself does not need, but for a second table.
 *
 * What the host keeps is not in it: open files are gone, the clock is the new host's.
 * Throws `snapshot-unsupported` for what a module cannot say (live exceptions, imported memories or globals).
 *
 * @param original the module that was instrumented, or the instrumented module (its data segments are the same).
 */
export function exportModule(
  metadata: Instrumented,
  state: ProgramState,
  original: Uint8Array,
): Uint8Array<ArrayBuffer> {
  if (state.module !== metadata.digest) {
    throw new SuspendError('snapshot-mismatch', `snapshot is of module ${state.module}, not ${metadata.digest}`);
  }
  if (state.frames.length > mostExportedFrames) {
    throw new SuspendError('stack-too-deep', `${state.frames.length} frames, an export takes ${mostExportedFrames}`);
  }
  return new Exporter(metadata, state, original).module();
}

class Exporter {
  readonly metadata: Instrumented;
  readonly state: ProgramState;
  readonly original: Uint8Array;
  readonly skeleton: Module;
  readonly types: TypeTable;
  readonly rewriter: Rewriter;
  /** Globals that carry a frame's values to its continuation, per type. */
  readonly carriers = new Map<number, number[]>();
  readonly extraGlobals: number[] = [];
  readonly functionTypes: number[] = [];
  readonly bodies: ByteWriter[] = [];
  readonly continuations = new Map<string, number>();
  readonly depthGlobal: number;
  readonly framesTable: number;

  constructor(metadata: Instrumented, state: ProgramState, original: Uint8Array) {
    this.metadata = metadata;
    this.state = state;
    this.original = original;
    const skeleton = decodeModule(metadata.skeleton);
    this.skeleton = skeleton;
    if (skeleton.importedMemories > 0 || skeleton.imports.some(({ kind }) => kind === 'table')) {
      throw new SuspendError('snapshot-unsupported', 'the module imports a memory or a table');
    }
    if (skeleton.globals.some(({ mutable, initial }) => mutable && !initial)) {
      throw new SuspendError('snapshot-unsupported', 'the module imports a mutable global');
    }
    this.types = new TypeTable(skeleton.types);
    this.depthGlobal = skeleton.globals.length;
    this.framesTable = skeleton.tables.length;
    const context: RewriteContext = {
      module: skeleton,
      graph: metadata.graph,
      code: new FunctionCode(skeleton),
      types: this.types,
      form: metadata.form,
      added: addedIndexes(skeleton, { data: [], elements: [] }),
      ports: new PortSignatures(metadata.saves, true),
      droppable: { data: [], elements: [] },
      mapFunction: undefined,
      segmentHelper: undefined,
      rethrowForeign: undefined,
    };
    this.rewriter = new Rewriter(context);
  }

  /** The k-th global of a type for carrying values. */
  carrierGlobal(type: number, k: number): number {
    let list = this.carriers.get(type);
    if (!list) this.carriers.set(type, (list = []));
    while (list.length <= k) {
      list.push(this.depthGlobal + 1 + this.extraGlobals.length);
      this.extraGlobals.push(type);
    }
    return list[k]!;
  }

  addFunction(type: number, body: ByteWriter): number {
    this.functionTypes.push(type);
    return this.skeleton.functions.length + this.bodies.push(body) - 1;
  }

  /** The continuation at a frame's site, made once for all frames that stand there. */
  continuation(frame: StateFrame, remake: boolean): number {
    const key = `${frame.offset}${remake ? '!' : ''}`;
    const known = this.continuations.get(key);
    if (known !== undefined) return known;
    const { rewriter } = this;
    rewriter.analyse(frame.function);
    const site = rewriter.map.sites.find(({ offset }) => offset === frame.offset);
    if (!site) throw new SuspendError('snapshot-mismatch', `no site at offset ${frame.offset}`);
    const counts = new Map<number, number>();
    const body = rewriter.resume(site, remake, {
      plain: true,
      value: (out, type) => {
        if (carrier(type) === 'exception') {
          throw new SuspendError('snapshot-unsupported', 'an exception reference is live');
        }
        const k = counts.get(type) ?? 0;
        counts.set(type, k + 1);
        out.u8(op.globalGet).u32(this.carrierGlobal(type, k));
      },
      inner: (out, results) => this.callNext(out, results),
    });
    const index = this.addFunction(this.types.index([], this.resultsOf(frame)), body);
    this.continuations.set(key, index);
    return index;
  }

  resultsOf(frame: StateFrame): Uint8Array {
    return this.skeleton.types[this.skeleton.functions[frame.function]!]!.results;
  }

  /** Calls the function of the next inner frame. */
  callNext(out: ByteWriter, results: Uint8Array): void {
    out.u8(op.globalGet).u32(this.depthGlobal).put(op.i32Const, 1, op.i32Add).u8(op.globalSet).u32(this.depthGlobal);
    out.u8(op.globalGet).u32(this.depthGlobal);
    out.u8(op.callIndirect).u32(this.types.index([], results)).u32(this.framesTable);
  }

  /** Puts the frame's values where its continuation takes them and calls that. */
  frameFunction(frame: StateFrame, innermost: boolean): number {
    const remake = innermost && frame.kind === 'call';
    const continuation = this.continuation(frame, remake);
    const { rewriter } = this;
    rewriter.analyse(frame.function);
    const site = rewriter.map.sites.find(({ offset }) => offset === frame.offset)!;
    const counts = new Map<number, number>();
    const out = new ByteWriter(128).u32(0);
    for (const slot of rewriter.slots(site)) {
      const value =
        slot.kind === 'local'
          ? frame.locals.find(({ index }) => index === slot.index)?.value
          : slot.kind === 'operand'
            ? frame.operands[slot.index]
            : frame.caught.find(({ index }) => index === slot.index)?.value;
      const k = counts.get(slot.type) ?? 0;
      counts.set(slot.type, k + 1);
      writeConstant(out, slot.type, value);
      out.u8(op.globalSet).u32(this.carrierGlobal(slot.type, k));
    }
    out.u8(op.call).u32(continuation).u8(op.end);
    return this.addFunction(this.types.index([], this.resultsOf(frame)), out);
  }

  module(): Uint8Array<ArrayBuffer> {
    const { skeleton, state, types } = this;
    const frames = state.frames.map((frame, i) => this.frameFunction(frame, i === state.frames.length - 1));
    const first = state.frames[0];
    if (!first) throw new SuspendError('snapshot-mismatch', 'snapshot without frames');
    const start = new ByteWriter(32).u32(0).put(op.i32Const, 0);
    start
      .u8(op.callIndirect)
      .u32(types.index([], this.resultsOf(first)))
      .u32(this.framesTable);
    for (let n = this.resultsOf(first).length; n > 0; n--) start.u8(op.drop);
    const startIndex = this.addFunction(types.index([], []), start.u8(op.end));
    const section = (id: number): Uint8Array | undefined => {
      const found = skeleton.sections.find((candidate) => candidate.id === id);
      return found && sectionBytes(skeleton, found);
    };
    const functionTypes = new ByteWriter();
    for (const type of this.functionTypes) functionTypes.u32(type);
    const code = new ByteWriter(1024);
    for (const body of this.bodies) code.nested(body);
    const data = memorySegments(decodeModule(this.original), this.metadata.droppable, state);
    const sections = [
      { id: 1, bytes: extendVector(section(1), types.added.length, types.encodeAdded()) },
      { id: 2, bytes: section(2) },
      { id: 3, bytes: extendVector(section(3), this.functionTypes.length, functionTypes.view()) },
      { id: 4, bytes: this.tables(frames.length) },
      { id: 5, bytes: this.memories() },
      { id: 13, bytes: section(13) },
      { id: 6, bytes: this.globals() },
      { id: 7, bytes: this.exports(startIndex) },
      { id: 9, bytes: this.elements(frames) },
      { id: 12, bytes: new ByteWriter(8).u32(data.count).view() },
      { id: 10, bytes: extendVector(section(10), this.bodies.length, code.view()) },
      { id: 11, bytes: data.bytes },
    ];
    return encodeModule(sections.flatMap(({ id, bytes }) => (bytes ? [{ id, bytes }] : [])));
  }

  tables(frames: number): Uint8Array {
    const out = new ByteWriter().u32(this.skeleton.tables.length + 1);
    this.skeleton.tables.forEach((table, i) => {
      writeLimits(out.u8(table.element), { ...table, min: BigInt(this.state.tables[i]!.length) });
    });
    return out.u8(valueType.funcref).u8(0).u32(frames).view();
  }

  memories(): Uint8Array | undefined {
    const { memories } = this.skeleton;
    if (memories.length === 0) return undefined;
    const out = new ByteWriter().u32(memories.length);
    memories.forEach((memory, i) => {
      writeLimits(out, { ...memory, min: BigInt(this.state.memories[i]!.length / 65536) });
    });
    return out.view();
  }

  globals(): Uint8Array {
    const { skeleton } = this;
    const defined = skeleton.globals.filter(({ initial }) => initial);
    const out = new ByteWriter().u32(defined.length + 1 + this.extraGlobals.length);
    skeleton.globals.forEach(({ type, mutable, initial }, index) => {
      if (!initial) return;
      out.u8(type).u8(mutable ? 1 : 0);
      const value = this.state.globals.find((global) => global.index === index)?.value;
      if (mutable && value) writeConstant(out, type, value).u8(op.end);
      else out.copy(skeleton.bytes, initial[0], initial[1]);
    });
    for (const type of [valueType.i32, ...this.extraGlobals])
      writeConstant(out.u8(type).u8(1), type, undefined).u8(op.end);
    return out.view();
  }

  exports(start: number): Uint8Array {
    const { exports } = this.skeleton;
    const replaced = exports.some(({ name }) => name === '_start');
    const out = new ByteWriter().u32(exports.length + (replaced ? 0 : 1));
    for (const { name, kind, index } of exports)
      out
        .name(name)
        .u8(kind)
        .u32(name === '_start' ? start : index);
    if (!replaced) out.name('_start').u8(0).u32(start);
    return out.view();
  }

  /** The segments keep their numbers; those whose content is used up declare their functions only. */
  elements(frames: readonly number[]): Uint8Array {
    const { skeleton, state } = this;
    const { data, elements } = this.metadata.droppable;
    const out = new ByteWriter();
    let count = 0;
    skeleton.elements.forEach((segment, i) => {
      count++;
      const at = elements.indexOf(i);
      const dropped = at >= 0 && state.dropped[data.length + at];
      if (segment.mode === 'passive' && !dropped) {
        out.copy(skeleton.bytes, segment.start, segment.end);
        return;
      }
      out.put(3, 0).u32(segment.functions.length);
      for (const f of segment.functions) out.u32(f);
    });
    state.tables.forEach((table, i) => {
      const { element, index64 } = skeleton.tables[i]!;
      if (table.every((f) => f < 0)) return;
      count++;
      out
        .u8(6)
        .u32(i)
        .put(index64 ? op.i64Const : op.i32Const, 0, op.end)
        .u8(element)
        .u32(table.length);
      for (const f of table) {
        if (f < 0) out.put(op.refNull, element, op.end);
        else out.u8(op.refFunc).u32(f).u8(op.end);
      }
    });
    count++;
    out.u8(2).u32(this.framesTable).put(op.i32Const, 0, op.end, 0).u32(frames.length);
    for (const f of frames) out.u32(f);
    // Functions that frames or globals refer to may be in no table.
    const referred = [
      ...state.frames.flatMap((f) => [...f.locals.map((l) => l.value), ...f.operands]),
      ...state.globals.map((g) => g.value),
    ].flatMap((value) => (value.type === 'funcref' && value.index >= 0 ? [value.index] : []));
    count++;
    out.put(3, 0).u32(referred.length);
    for (const f of referred) out.u32(f);
    return new ByteWriter(out.length + 5).u32(count).copy(out.view()).view();
  }
}

/** A constant instruction; zero or null without a value. */
function writeConstant(out: ByteWriter, type: number, value: StateValue | undefined): ByteWriter {
  if (value?.type === 'exnref') throw new SuspendError('snapshot-unsupported', 'an exception reference is live');
  if (value && 'low' in value) return out.put(0xfd, 0x0c).copy(words(value.low, value.high));
  if (type === valueType.v128) return out.put(0xfd, 0x0c).copy(words(0n, 0n));
  if (isReference(type)) {
    const index = value && 'index' in value ? value.index : -1;
    return index < 0 ? out.put(op.refNull, type) : out.u8(op.refFunc).u32(index);
  }
  const bits = value && 'bits' in value ? value.bits : 0;
  switch (type) {
    case valueType.i32:
      return out.u8(op.i32Const).s32(Number(bits));
    case valueType.i64:
      return out.u8(op.i64Const).s64(BigInt(bits));
    case valueType.f32:
      return out.u8(op.f32Const).copy(words(BigInt(bits), 0n), 0, 4);
    default:
      return out.u8(op.f64Const).copy(words(BigInt(bits), 0n), 0, 8);
  }
}

function words(low: bigint, high: bigint): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  view.setBigInt64(0, low, true);
  view.setBigInt64(8, high, true);
  return new Uint8Array(view.buffer);
}
