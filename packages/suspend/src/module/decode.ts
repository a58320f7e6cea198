import { SuspendError } from './error.ts';
import { limits } from './limits.ts';
import { op, proposalOf, simd } from './opcodes.ts';
import { ByteReader } from './reader.ts';
import { isReference, isValueType } from './value-type.ts';

export interface FunctionType {
  readonly params: Uint8Array;
  readonly results: Uint8Array;
}

/** A section as it lies in the input; `start` and `end` bound its content. */
export interface Section {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}

export interface Import {
  readonly module: string;
  readonly name: string;
  readonly kind: 'function' | 'table' | 'memory' | 'global' | 'tag';
}

export interface Limits {
  readonly min: bigint;
  readonly max: bigint | undefined;
  readonly index64: boolean;
}

export interface TableType extends Limits {
  readonly element: number;
}

export interface GlobalType {
  readonly type: number;
  readonly mutable: boolean;
  /** Bounds of the initial value's expression; imported globals have none. */
  readonly initial?: readonly [start: number, end: number];
}

export interface Export {
  readonly name: string;
  readonly kind: number;
  readonly index: number;
}

export interface ElementSegment {
  readonly mode: 'active' | 'passive' | 'declarative';
  readonly table: number;
  /** Bounds of the whole segment in the input. */
  readonly start: number;
  readonly end: number;
  /** Functions named by the segment, nulls left out. */
  readonly functions: Uint32Array;
}

export interface DataSegment {
  readonly mode: 'active' | 'passive';
  readonly start: number;
  readonly end: number;
}

/** What a module declares, with function bodies left as byte ranges. Index spaces count imports first. */
export interface Module {
  readonly bytes: Uint8Array;
  readonly sections: readonly Section[];
  readonly types: readonly FunctionType[];
  readonly imports: readonly Import[];
  /** Type index of every function. */
  readonly functions: Uint32Array;
  readonly importedFunctions: number;
  readonly tables: readonly TableType[];
  readonly memories: readonly Limits[];
  readonly importedMemories: number;
  readonly globals: readonly GlobalType[];
  readonly importedGlobals: number;
  /** Type index of every tag. */
  readonly tags: readonly number[];
  readonly exports: readonly Export[];
  readonly start: number | undefined;
  readonly elements: readonly ElementSegment[];
  readonly data: readonly DataSegment[];
  /** Byte range of each defined function's body, local declarations included. */
  readonly bodyStarts: Uint32Array;
  readonly bodyEnds: Uint32Array;
}

/** The place of each section in a module; custom sections may stand anywhere. */
const order = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];

const sectionNames = [
  'custom',
  'type',
  'import',
  'function',
  'table',
  'memory',
  'global',
  'export',
  'start',
  'element',
  'code',
  'data',
  'data count',
  'tag',
];

/**
 * Reads a module's declarations. Linear in the input, no recursion; function bodies are not looked at.
 * Throws `module-malformed`, `module-unsupported` (names the proposal) or `module-too-large`, with a byte offset.
 */
export function decodeModule(bytes: Uint8Array): Module {
  if (bytes.length > limits.moduleBytes) {
    throw new SuspendError('module-too-large', `module of ${bytes.length} bytes, at most ${limits.moduleBytes}`);
  }
  const reader = new ByteReader(bytes);
  const header = [0x00, 0x61, 0x73, 0x6d];
  if (bytes.length < 8 || header.some((byte, i) => bytes[i] !== byte)) reader.fail('not a WebAssembly module', 0);
  if (bytes[4] !== 1 || bytes[5] !== 0 || bytes[6] !== 0 || bytes[7] !== 0) {
    const component = bytes[6] === 1 && bytes[7] === 0;
    throw new SuspendError(
      'module-unsupported',
      component ? 'a WebAssembly component, not a core module' : 'binary format version other than 1',
      { offset: 4 },
    );
  }
  reader.pos = 8;
  const module = new ModuleDecoder(bytes);
  let last = -1;
  while (reader.pos < bytes.length) {
    const at = reader.pos;
    const id = reader.u8();
    const length = reader.u32();
    const start = reader.pos;
    reader.skip(length);
    if (id !== 0) {
      const place = order.indexOf(id);
      if (place < 0) {
        throw new SuspendError(
          'module-unsupported',
          id === 14 ? 'string constants section (stringref proposal)' : `section ${id} is not defined`,
          { offset: at },
        );
      }
      if (place <= last) reader.fail(`${sectionNames[id]} section out of order or repeated`, at);
      last = place;
    }
    module.section(id, new ByteReader(bytes, start, reader.pos));
  }
  return module.finish();
}

class ModuleDecoder {
  readonly bytes: Uint8Array;
  readonly sections: Section[] = [];
  readonly types: FunctionType[] = [];
  readonly imports: Import[] = [];
  readonly functionTypes: number[] = [];
  readonly tables: TableType[] = [];
  readonly memories: Limits[] = [];
  readonly globals: GlobalType[] = [];
  readonly tags: number[] = [];
  readonly exports: Export[] = [];
  readonly elements: ElementSegment[] = [];
  readonly data: DataSegment[] = [];
  bodyStarts: Uint32Array = new Uint32Array(0);
  bodyEnds: Uint32Array = new Uint32Array(0);
  importedFunctions = 0;
  importedMemories = 0;
  importedGlobals = 0;
  start: number | undefined;
  #hasCode = false;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  section(id: number, r: ByteReader): void {
    this.sections.push({ id, start: r.pos, end: r.end });
    switch (id) {
      case 0:
        r.name(limits.nameBytes);
        return;
      case 1:
        this.vector(r, limits.types, 'types', () => this.functionType(r));
        break;
      case 2:
        this.vector(r, limits.imports, 'imports', () => this.import(r));
        this.importedFunctions = this.functionTypes.length;
        this.importedMemories = this.memories.length;
        this.importedGlobals = this.globals.length;
        break;
      case 3:
        this.vector(r, limits.functions, 'functions', () => this.functionTypes.push(this.typeIndex(r)));
        break;
      case 4:
        this.vector(r, limits.tables, 'tables', () => this.table(r));
        break;
      case 5:
        this.vector(r, limits.memories, 'memories', () => this.memories.push(this.limits(r, 'memory')));
        break;
      case 6:
        this.vector(r, limits.globals, 'globals', () => {
          const type = this.globalType(r);
          const start = r.pos;
          this.constant(r, undefined);
          this.globals.push({ ...type, initial: [start, r.pos] });
        });
        break;
      case 7:
        this.vector(r, limits.exports, 'exports', () => this.export(r));
        break;
      case 8:
        this.start = this.functionIndex(r);
        break;
      case 9:
        this.vector(r, limits.elementSegments, 'element segments', () => this.element(r));
        break;
      case 10:
        this.code(r);
        break;
      case 11:
        this.vector(r, limits.dataSegments, 'data segments', () => this.dataSegment(r));
        break;
      case 12:
        r.u32();
        break;
      case 13:
        this.vector(r, limits.tags, 'tags', () => this.tag(r));
        break;
    }
    if (r.pos !== r.end) r.fail(`${r.end - r.pos} bytes left over at the end of the ${sectionNames[id]} section`);
  }

  vector(r: ByteReader, limit: number, what: string, each: () => void): void {
    for (let n = r.count(limit, what); n > 0; n--) each();
  }

  unsupported(what: string, offset: number): never {
    throw new SuspendError('module-unsupported', what, { offset });
  }

  valueType(r: ByteReader): number {
    const at = r.pos;
    const byte = r.u8();
    if (isValueType(byte)) return byte;
    if (byte === 0x63 || byte === 0x64)
      this.unsupported('typed function references (reference type with heap type)', at);
    if (byte >= 0x65 && byte <= 0x78) this.unsupported(`garbage collection (type 0x${byte.toString(16)})`, at);
    return r.fail(`0x${byte.toString(16)} is not a value type`, at);
  }

  valueTypes(r: ByteReader, limit: number, what: string): Uint8Array {
    const types = new Uint8Array(r.count(limit, what));
    for (let i = 0; i < types.length; i++) types[i] = this.valueType(r);
    return types;
  }

  functionType(r: ByteReader): void {
    const at = r.pos;
    const form = r.u8();
    if (form >= 0x4e && form <= 0x5f) this.unsupported('garbage collection (type definition)', at);
    if (form !== 0x60) r.fail(`0x${form.toString(16)} is not a type definition`, at);
    const params = this.valueTypes(r, limits.functionParams, 'parameters');
    this.types.push({ params, results: this.valueTypes(r, limits.functionResults, 'results') });
  }

  typeIndex(r: ByteReader): number {
    const at = r.pos;
    const index = r.u32();
    if (index >= this.types.length) r.fail(`type ${index} does not exist`, at);
    return index;
  }

  functionIndex(r: ByteReader): number {
    const at = r.pos;
    const index = r.u32();
    if (index >= this.functionTypes.length) r.fail(`function ${index} does not exist`, at);
    return index;
  }

  limits(r: ByteReader, what: 'memory' | 'table'): Limits {
    const at = r.pos;
    const flags = r.u8();
    if (flags & 0x02) this.unsupported(`threads (shared ${what})`, at);
    if (flags & 0x08) this.unsupported('custom page sizes', at);
    if (flags & ~0x05) r.fail(`limits flags 0x${flags.toString(16)}`, at);
    const index64 = (flags & 0x04) !== 0;
    const read = (): bigint => (index64 ? r.u64() : BigInt(r.u32()));
    const min = read();
    return { min, max: flags & 0x01 ? read() : undefined, index64 };
  }

  tableType(r: ByteReader): TableType {
    const at = r.pos;
    const element = this.valueType(r);
    if (!isReference(element)) r.fail('table elements must be references', at);
    return { element, ...this.limits(r, 'table') };
  }

  table(r: ByteReader): void {
    if (r.pos < r.end && r.bytes[r.pos] === 0x40) {
      this.unsupported('typed function references (table with an initialiser)', r.pos);
    }
    this.tables.push(this.tableType(r));
  }

  globalType(r: ByteReader): GlobalType {
    const type = this.valueType(r);
    const at = r.pos;
    const flags = r.u8();
    if (flags & 0x02) this.unsupported('shared-everything threads (shared global)', at);
    if (flags > 1) r.fail('mutability must be 0 or 1', at);
    return { type, mutable: flags === 1 };
  }

  tag(r: ByteReader): void {
    const at = r.pos;
    if (r.u8() !== 0) r.fail('tag attribute must be 0 (exception)', at);
    this.tags.push(this.typeIndex(r));
  }

  import(r: ByteReader): void {
    const module = r.name(limits.nameBytes);
    const name = r.name(limits.nameBytes);
    const at = r.pos;
    const kind = r.u8();
    const add = (what: Import['kind']): void => {
      this.imports.push({ module, name, kind: what });
    };
    switch (kind) {
      case 0:
        add('function');
        this.functionTypes.push(this.typeIndex(r));
        break;
      case 1:
        add('table');
        this.tables.push(this.tableType(r));
        break;
      case 2:
        add('memory');
        this.memories.push(this.limits(r, 'memory'));
        break;
      case 3:
        add('global');
        this.globals.push(this.globalType(r));
        break;
      case 4:
        add('tag');
        this.tag(r);
        break;
      default:
        r.fail(`import kind ${kind}`, at);
    }
  }

  export(r: ByteReader): void {
    const name = r.name(limits.nameBytes);
    const at = r.pos;
    const kind = r.u8();
    const index = r.u32();
    const space = [this.functionTypes, this.tables, this.memories, this.globals, this.tags][kind];
    if (!space || index >= space.length) r.fail(`export of kind ${kind}, index ${index} does not exist`, at);
    this.exports.push({ name, kind, index });
  }

  /** A constant expression; collects the functions it names. */
  constant(r: ByteReader, functions: number[] | undefined): void {
    for (;;) {
      const at = r.pos;
      const code = r.u8();
      switch (code) {
        case op.end:
          return;
        case op.i32Const:
        case op.i64Const:
          r.skipLeb();
          break;
        case op.f32Const:
          r.skip(4);
          break;
        case op.f64Const:
          r.skip(8);
          break;
        case op.globalGet:
          r.u32();
          break;
        case op.refNull:
          this.valueType(r);
          break;
        case op.refFunc: {
          const index = this.functionIndex(r);
          functions?.push(index);
          break;
        }
        case 0x6a:
        case 0x6b:
        case 0x6c:
        case 0x7c:
        case 0x7d:
        case 0x7e:
          break;
        case 0xfd:
          if (simd + r.u32() !== simd + 0x0c) r.fail('not a constant instruction', at);
          r.skip(16);
          break;
        default:
          if (code === 0xfb) this.unsupported(proposalOf(code, 0), at);
          r.fail(`0x${code.toString(16)} is not a constant instruction`, at);
      }
    }
  }

  element(r: ByteReader): void {
    const at = r.pos;
    const flags = r.u32();
    if (flags > 7) r.fail(`element segment flags ${flags}`, at);
    const mode = (flags & 1) === 0 ? 'active' : flags & 2 ? 'declarative' : 'passive';
    const table = mode === 'active' && flags & 2 ? r.u32() : 0;
    if (mode === 'active') this.constant(r, undefined);
    const expressions = (flags & 4) !== 0;
    if (flags & 3) {
      if (expressions) this.valueType(r);
      else if (r.u8() !== 0) r.fail('element kind must be 0 (functions)', r.pos - 1);
    }
    const functions: number[] = [];
    this.vector(r, limits.tableEntries, 'elements', () => {
      if (expressions) this.constant(r, functions);
      else functions.push(this.functionIndex(r));
    });
    this.elements.push({ mode, table, start: at, end: r.pos, functions: Uint32Array.from(functions) });
  }

  dataSegment(r: ByteReader): void {
    const at = r.pos;
    const flags = r.u32();
    if (flags > 2) r.fail(`data segment flags ${flags}`, at);
    if (flags === 2) r.u32();
    if (flags !== 1) this.constant(r, undefined);
    const length = r.u32();
    const start = r.pos;
    r.skip(length);
    this.data.push({ mode: flags === 1 ? 'passive' : 'active', start, end: r.pos });
  }

  code(r: ByteReader): void {
    this.#hasCode = true;
    const at = r.pos;
    const count = r.count(limits.functions, 'function bodies');
    const declared = this.functionTypes.length - this.importedFunctions;
    if (count !== declared) r.fail(`${count} function bodies for ${declared} functions`, at);
    this.bodyStarts = new Uint32Array(count);
    this.bodyEnds = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      const length = r.u32();
      if (length > limits.functionBytes) {
        throw new SuspendError('module-too-large', `function body of ${length} bytes`, { offset: r.pos });
      }
      this.bodyStarts[i] = r.pos;
      r.skip(length);
      this.bodyEnds[i] = r.pos;
    }
  }

  finish(): Module {
    if (!this.#hasCode && this.functionTypes.length > this.importedFunctions) {
      throw new SuspendError('module-malformed', 'functions are declared but there is no code section');
    }
    const { bytes, sections, types, imports, tables, memories, globals, tags, exports, start, elements, data } = this;
    const { importedFunctions, importedMemories, importedGlobals, bodyStarts, bodyEnds } = this;
    return {
      bytes,
      sections,
      types,
      imports,
      functions: Uint32Array.from(this.functionTypes),
      importedFunctions,
      tables,
      memories,
      importedMemories,
      globals,
      importedGlobals,
      tags,
      exports,
      start,
      elements,
      data,
      bodyStarts,
      bodyEnds,
    };
  }
}
