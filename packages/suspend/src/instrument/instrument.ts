import { analyseCalls } from '../analysis/call-graph.ts';
import { FunctionCode } from '../analysis/function-code.ts';
import { decodeModule, type Module } from '../module/decode.ts';
import {
  encodeModule,
  extendVector,
  type SectionContent,
  sectionBytes,
  TypeTable,
  writeLimits,
} from '../module/encode.ts';
import { SuspendError } from '../module/error.ts';
import { op } from '../module/opcodes.ts';
import { ByteReader } from '../module/reader.ts';
import { valueType } from '../module/value-type.ts';
import { ByteWriter } from '../module/writer.ts';
import { addedIndexes, type DroppableSegments, PortSignatures, type RewriteContext } from './context.ts';
import { port } from './layout.ts';
import { type Instrumented, sectionName, skeleton, writeMetadata } from './metadata.ts';
import { exported } from './names.ts';
import { Rewriter } from './rewriter.ts';
import { helperFunctions } from './segment-helpers.ts';
import { sha256 } from './sha256.ts';

export interface InstrumentOptions {
  /** Digest of the module as lower-case hex SHA-256, where the caller knows it; computed otherwise. */
  readonly digest?: string;
  /** Most pages (64 KiB) that the first memory may have; growing beyond it fails in the guest. */
  readonly maxMemoryPages?: number;
  /** Exception instructions for modules that have none of their own; default `legacy`, which every engine has. */
  readonly exceptions?: 'legacy' | 'try_table';
  /**
   * Put what the run time needs into a custom section (default). If false it comes as `metadata`, for transports that
   * fetch it only when a program is first suspended: it holds the original code, the module without it is smaller.
   */
  readonly embed?: boolean;
}

export interface InstrumentResult {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What SuspendableModule needs beside the module if `embed` is false; empty otherwise. */
  readonly metadata: Uint8Array;
  /** Functions defined, functions rewritten, places where the program can be suspended. */
  readonly functions: number;
  readonly rewritten: number;
  readonly sites: number;
}

/**
 * Makes a module that can be suspended at its polls and host calls. Same input and options, same bytes. Everything that
 * is added has indices behind the module's own, so function numbers in stack traces stay those of the original.
 * Throws SuspendError `module-…`; an invalid module may pass here and be refused by the engine.
 */
export function instrument(bytes: Uint8Array, options: InstrumentOptions = {}): InstrumentResult {
  const module = decodeModule(bytes);
  if (
    module.sections.some(({ id, start, end }) => id === 0 && isOurs(module.bytes, start, end)) ||
    module.exports.some(({ name }) => name === exported.functions)
  ) {
    throw new SuspendError('module-unsupported', 'the module is instrumented already');
  }
  const graph = analyseCalls(module);
  const types = new TypeTable(module.types);
  const ports = new PortSignatures();
  const droppable = findDroppable(module, graph.drops);
  const form = graph.exceptions === 'none' ? (options.exceptions ?? 'legacy') : graph.exceptions;
  const added = addedIndexes(module, droppable);
  const code = new FunctionCode(module);
  const context: RewriteContext = {
    module,
    graph,
    code,
    types,
    form,
    added,
    ports,
    droppable,
    mapFunction: undefined,
    segmentHelper: undefined,
    rethrowForeign: undefined,
  };
  const rewriter = new Rewriter(context);
  const codes = new ByteWriter(Math.ceil(codeLength(module) * 1.4) + 1024);
  const defined = module.bodyStarts.length;
  let rewritten = 0;
  let sites = 0;
  for (let i = 0; i < defined; i++) {
    const index = module.importedFunctions + i;
    if (rewriter.analyse(index) || graph.drops[index]) {
      codes.nested(rewriter.instrument());
      rewritten++;
      sites += rewriter.map.sites.length;
    } else {
      const start = module.bodyStarts[i]!;
      codes.u32(module.bodyEnds[i]! - start).copy(module.bytes, start, module.bodyEnds[i]!);
    }
  }
  const helpers = helperFunctions(module, droppable, types);
  for (const { body } of helpers) codes.nested(body);
  const digest = options.digest ?? sha256(bytes);
  const metadata: Instrumented = {
    digest,
    form,
    usesExceptionTable: graph.exceptions === 'try_table',
    graph,
    droppable,
    saves: ports.slots,
    bankInts: ports.bankInts,
    bankLongs: ports.bankLongs,
    skeleton: skeleton(module),
  };
  const written = writeMetadata(metadata);
  const { embed = true } = options;
  return {
    metadata: embed ? new Uint8Array(0) : written,
    bytes: assemble(
      module,
      context,
      helpers,
      codes,
      defined + helpers.length,
      metadata,
      options.maxMemoryPages,
      embed ? written : undefined,
    ),
    functions: defined,
    rewritten,
    sites,
  };
}

function isOurs(bytes: Uint8Array, start: number, end: number): boolean {
  return new ByteReader(bytes, start, end).name(100_000) === sectionName;
}

function codeLength(module: Module): number {
  const section = module.sections.find(({ id }) => id === 10);
  return section ? section.end - section.start : 0;
}

function findDroppable(module: Module, drops: Uint8Array): DroppableSegments {
  const data = new Set<number>();
  const elements = new Set<number>();
  const code = new FunctionCode(module);
  drops.forEach((has, f) => {
    if (!has) return;
    code.decode(f);
    for (let i = 0; i < code.count; i++) {
      if (code.code[i] === op.dataDrop) data.add(code.a[i]!);
      else if (code.code[i] === op.elemDrop) elements.add(code.a[i]!);
    }
  });
  const ascending = (set: Set<number>): number[] => [...set].sort((x, y) => x - y);
  return { data: ascending(data), elements: ascending(elements) };
}

function assemble(
  module: Module,
  context: RewriteContext,
  helpers: readonly { type: number; name: string }[],
  codes: ByteWriter,
  codeCount: number,
  metadata: Instrumented,
  maxMemoryPages: number | undefined,
  embedded: Uint8Array | undefined,
): Uint8Array<ArrayBuffer> {
  const { types, added, ports } = context;
  const original = (id: number): Uint8Array | undefined => {
    const section = module.sections.find((candidate) => candidate.id === id);
    return section && sectionBytes(module, section);
  };
  const functions = module.functions.length;
  // The tag's type has to be in the table before the types are written.
  const tag = new ByteWriter(8).u8(0).u32(types.index([], []));
  const { usesExceptionTable } = metadata;
  const tables = new ByteWriter(32);
  tables
    .u8(valueType.funcref)
    .u8(1)
    .u32(port.saves + ports.slots.length)
    .u32(port.saves + ports.slots.length);
  tables.u8(valueType.funcref).u8(1).u32(functions).u32(functions);
  if (usesExceptionTable) tables.u8(valueType.exnref).u8(0).u32(0);
  const globals = new ByteWriter(256);
  const global = (type: number): void => {
    globals
      .u8(type)
      .u8(1)
      .put(type === valueType.i64 ? op.i64Const : op.i32Const, 0, op.end);
  };
  for (let i = added.fuel; i < added.bank; i++) global(valueType.i32);
  const bank = 2 * Math.max(ports.bankInts, ports.bankLongs);
  for (let i = 0; i < bank; i++) global(i % 2 === 0 ? valueType.i32 : valueType.i64);
  const exports = new ByteWriter(512);
  let exportCount = 0;
  const add = (name: string, kind: number, index: number): void => {
    exports.name(name).u8(kind).u32(index);
    exportCount++;
  };
  if (module.start !== undefined) add(exported.start, 0, module.start);
  add(exported.functions, 1, added.functionsTable);
  add(exported.port, 1, added.portTable);
  if (usesExceptionTable) add(exported.exceptions, 1, added.exceptionTable);
  module.tables.forEach((_, i) => {
    add(exported.table(i), 1, i);
  });
  module.memories.forEach((_, i) => {
    add(exported.memory(i), 2, i);
  });
  for (let i = 0; i < added.bank + bank; i++) add(exported.global(i), 3, i);
  for (let i = 0; i <= module.tags.length; i++) add(exported.tag(i), 4, i);
  helpers.forEach(({ name }, i) => {
    add(name, 0, functions + i);
  });
  const elements = new ByteWriter(functions * 3 + 16);
  elements.u8(2).u32(added.functionsTable).put(op.i32Const, 0, op.end).u8(0).u32(functions);
  for (let f = 0; f < functions; f++) elements.u32(f);
  const helperTypes = new ByteWriter(16);
  for (const { type } of helpers) helperTypes.u32(type);
  const memory = original(5);
  const out: SectionContent[] = [];
  const put = (id: number, bytes: Uint8Array | undefined): void => {
    if (bytes) out.push({ id, bytes });
  };
  put(1, extendVector(original(1), types.added.length, types.encodeAdded()));
  put(2, original(2));
  put(3, extendVector(original(3), helpers.length, helperTypes.view()));
  put(4, extendVector(original(4), usesExceptionTable ? 3 : 2, tables.view()));
  put(5, memory && maxMemoryPages !== undefined ? limitMemory(module, maxMemoryPages) : memory);
  put(13, extendVector(original(13), 1, tag.view()));
  put(6, extendVector(original(6), added.bank + bank - module.globals.length, globals.view()));
  put(7, extendVector(original(7), exportCount, exports.view()));
  put(9, extendVector(original(9), 1, elements.view()));
  put(12, original(12));
  put(10, new ByteWriter(codes.length + 8).u32(codeCount).copy(codes.view()).view());
  put(11, original(11));
  for (const section of module.sections) if (section.id === 0) put(0, sectionBytes(module, section));
  put(0, embedded);
  return encodeModule(out);
}

/** The memory section with the first defined memory limited to `pages`. */
export function limitMemory(module: Module, pages: number): Uint8Array {
  const out = new ByteWriter(32);
  const defined = module.memories.slice(module.importedMemories);
  out.u32(defined.length);
  defined.forEach((memory, i) => {
    if (i > 0) {
      writeLimits(out, memory);
      return;
    }
    if (memory.min > BigInt(pages)) {
      throw new SuspendError('module-too-large', `memory of at least ${memory.min} pages, at most ${pages}`);
    }
    const max = memory.max === undefined || memory.max > BigInt(pages) ? BigInt(pages) : memory.max;
    writeLimits(out, { ...memory, max });
  });
  return out.view();
}
