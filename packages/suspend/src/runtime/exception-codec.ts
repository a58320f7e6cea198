import { exported } from '../instrument/names.ts';
import type { Module } from '../module/decode.ts';
import { encodeModule, TypeTable, writeFunctionType } from '../module/encode.ts';
import { op } from '../module/opcodes.ts';
import { valueType } from '../module/value-type.ts';
import { ByteWriter } from '../module/writer.ts';
import type { Values } from './frame.ts';
import { getValue, putLocal } from './value-code.ts';

/** An exception by its tag and arguments; tag -1: a null reference, -2: an exception of the host. */
export interface DescribedException {
  readonly tag: number;
  readonly values: Values;
}

/**
 * Takes exceptions in the exception table apart and makes equal ones, for which JavaScript has no means: a small module
 * throws the exception and catches it by each tag, or throws a new one and catches the reference.
 */
export class ExceptionCodec {
  readonly #describe: (index: number) => number;
  readonly #make: (tag: number) => number;
  #values: Values = { ints: [], longs: [], references: [] };
  #cursor = { int: 0, long: 0, reference: 0 };

  constructor(module: Module, exports: WebAssembly.Exports) {
    const compiled = new WebAssembly.Module(codecModule(module));
    const instance = new WebAssembly.Instance(compiled, {
      h: {
        i: () => this.#values.ints[this.#cursor.int++],
        l: () => this.#values.longs[this.#cursor.long++],
        f: () => this.#values.references[this.#cursor.reference++],
        e: () => this.#values.references[this.#cursor.reference++],
        pi: (value: number) => this.#values.ints.push(value),
        pl: (value: bigint) => this.#values.longs.push(value),
        pf: (value: unknown) => this.#values.references.push(value),
        pe: (value: unknown) => this.#values.references.push(value),
      } as unknown as WebAssembly.ModuleImports,
      m: exports as WebAssembly.ModuleImports,
    });
    this.#describe = instance.exports.describe as (index: number) => number;
    this.#make = instance.exports.make as (tag: number) => number;
  }

  describe(index: number): DescribedException {
    const values: Values = { ints: [], longs: [], references: [] };
    this.#values = values;
    return { tag: this.#describe(index), values };
  }

  /** The index in the table of a new exception. */
  make({ tag, values }: DescribedException): number {
    this.#values = values;
    this.#cursor = { int: 0, long: 0, reference: 0 };
    return this.#make(tag);
  }
}

const get = { int: 0, long: 1, funcref: 2, externref: 3 };
const put = { int: 4, long: 5, funcref: 6, externref: 7 };

function codecModule(module: Module): Uint8Array<ArrayBuffer> {
  const types = new TypeTable([]);
  const imports = new ByteWriter();
  let count = 0;
  const add = (from: string, name: string, kind: number): ByteWriter => {
    count++;
    return imports.name(from).name(name).u8(kind);
  };
  const host = [valueType.i32, valueType.i64, valueType.funcref, valueType.externref];
  ['i', 'l', 'f', 'e'].forEach((name, i) => {
    add('h', name, 0).u32(types.index([], [host[i]!]));
  });
  ['pi', 'pl', 'pf', 'pe'].forEach((name, i) => {
    add('h', name, 0).u32(types.index([host[i]!], []));
  });
  add('m', exported.exceptions, 1).u8(valueType.exnref).put(0, 0);
  const signatures = module.tags.map((tag) => module.types[tag]!.params);
  signatures.forEach((params, i) => {
    add('m', exported.tag(i), 4).u8(0).u32(types.index(params, []));
  });
  const type = types.index([valueType.i32], [valueType.i32]);
  const code = new ByteWriter().u32(2).nested(describeBody(signatures, types)).nested(makeBody(signatures));
  const typeSection = new ByteWriter().u32(types.added.length);
  for (const added of types.added) writeFunctionType(typeSection, added);
  return encodeModule([
    { id: 1, bytes: typeSection.view() },
    { id: 2, bytes: new ByteWriter().u32(count).copy(imports.view()).view() },
    { id: 3, bytes: new ByteWriter().u32(2).u32(type).u32(type).view() },
    { id: 7, bytes: new ByteWriter().u32(2).name('describe').put(0, 8).name('make').put(0, 9).view() },
    { id: 10, bytes: code.view() },
  ]);
}

function describeBody(signatures: readonly Uint8Array[], types: TypeTable): ByteWriter {
  const out = new ByteWriter();
  const locals = signatures.flatMap((params) => [...params]);
  out.u32(locals.length);
  for (const local of locals) out.u32(1).u8(local);
  out.put(op.localGet, 0, op.tableGet, 0, op.refIsNull, op.if, 0x40, op.i32Const, 0x7f, op.return, op.end);
  out.put(op.block, 0x40);
  for (let tag = signatures.length - 1; tag >= 0; tag--) out.u8(op.block).s32(types.index([], signatures[tag]!));
  out.put(op.tryTable, 0x40).u32(signatures.length + 1);
  signatures.forEach((_, tag) => {
    out.u8(0).u32(tag).u32(tag);
  });
  out.u8(2).u32(signatures.length);
  out.put(op.localGet, 0, op.tableGet, 0, op.throwRef, op.end, op.unreachable);
  let first = 1;
  signatures.forEach((params, tag) => {
    out.u8(op.end);
    for (let k = params.length - 1; k >= 0; k--) out.u8(op.localSet).u32(first + k);
    params.forEach((param, k) => {
      putLocal(out, param, first + k, put);
    });
    first += params.length;
    out.u8(op.i32Const).s32(tag).u8(op.return);
  });
  return out.put(op.end, op.i32Const, 0x7e, op.end);
}

function makeBody(signatures: readonly Uint8Array[]): ByteWriter {
  const out = new ByteWriter().u32(0);
  signatures.forEach((params, tag) => {
    out.put(op.localGet, 0, op.i32Const).s32(tag).put(0x46, op.if, 0x40);
    out.put(op.block, valueType.exnref, op.tryTable, 0x40, 1, 3, 0);
    for (const param of params) getValue(out, param, get);
    out.u8(op.throw).u32(tag).put(op.end, op.unreachable, op.end);
    out.put(op.i32Const, 1, 0xfc, 0x0f, 0, op.return, op.end);
  });
  // No such tag: a null reference.
  return out.put(op.refNull, valueType.exnref, op.i32Const, 1, 0xfc, 0x0f, 0, op.end);
}
