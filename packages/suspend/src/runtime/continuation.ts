import { FunctionCode } from '../analysis/function-code.ts';
import type { Site } from '../analysis/sites.ts';
import type { CaptureShape } from '../instrument/capture-shape.ts';
import { addedIndexes, PortSignatures, type RewriteContext } from '../instrument/context.ts';
import type { Slot } from '../instrument/layout.ts';
import type { Instrumented } from '../instrument/metadata.ts';
import { exported } from '../instrument/names.ts';
import { insideTry } from '../instrument/resume-path.ts';
import { Rewriter } from '../instrument/rewriter.ts';
import type { Module } from '../module/decode.ts';
import { encodeModule, extendVector, TypeTable } from '../module/encode.ts';
import { SuspendError } from '../module/error.ts';
import { op } from '../module/opcodes.ts';
import { valueType } from '../module/value-type.ts';
import { ByteWriter } from '../module/writer.ts';
import { getValue, putLocal } from './value-code.ts';

/** What there is to know of a site on a captured stack. */
export interface SiteInfo {
  readonly function: number;
  readonly site: Site;
  readonly localTypes: Uint8Array;
  /** The values of the frame in the order in which continuations take them. */
  readonly slots: readonly Slot[];
  /** The values in the order in which the function saves them; the same array if there is no difference. */
  readonly savedSlots: readonly Slot[];
  readonly shape: CaptureShape;
  /** Whether an exception that comes out of the call at the site can be caught in this frame. */
  readonly catches: boolean;
  readonly resultTypes: Uint8Array;
}

/** A continuation as bytes, with the imports to give it. */
export interface ContinuationModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Original functions imported as `f.<index>`. */
  readonly functions: readonly number[];
  readonly helpers: readonly string[];
}

/** The host functions a continuation takes its values from and gives its results to, in import order. */
const hostFunctions = [
  ['i', [], [valueType.i32]],
  ['l', [], [valueType.i64]],
  ['f', [], [valueType.funcref]],
  ['e', [], [valueType.externref]],
  ['rethrow', [], []],
  ['foreign', [], []],
  ['pi', [valueType.i32], []],
  ['pl', [valueType.i64], []],
  ['pf', [valueType.funcref], []],
  ['pe', [valueType.externref], []],
] as const;

/**
 * Makes continuation modules: one function each, the path of the original function from its start to one site. Works
 * on the module's skeleton; nothing of an instance is in what it makes, so results can be kept for good.
 */
export class ContinuationFactory {
  readonly module: Module;
  readonly metadata: Instrumented;
  readonly #sites = new Map<number, SiteInfo>();

  constructor(module: Module, metadata: Instrumented) {
    this.module = module;
    this.metadata = metadata;
  }

  /** The function whose body contains a code offset. */
  functionAt(offset: number): number {
    const { module } = this;
    const section = module.sections.find(({ id }) => id === 10);
    const at = offset + (section?.start ?? 0);
    let low = 0;
    let high = module.bodyStarts.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      if (at < module.bodyStarts[middle]!) high = middle - 1;
      else if (at >= module.bodyEnds[middle]!) low = middle + 1;
      else return module.importedFunctions + middle;
    }
    throw new SuspendError('snapshot-mismatch', `no function at code offset ${offset}`);
  }

  site(offset: number): SiteInfo {
    const known = this.#sites.get(offset);
    if (known) return known;
    const rewriter = this.#rewriter(this.#context(new Map(), new Map()));
    const index = this.functionAt(offset);
    rewriter.analyse(index);
    const site = rewriter.map.sites.find((candidate) => candidate.offset === offset);
    if (!site) throw new SuspendError('snapshot-mismatch', `function ${index} cannot be suspended at offset ${offset}`);
    const { code } = rewriter.context;
    const localTypes = code.localTypes.slice(0, code.locals);
    const slots = rewriter.slots(site);
    const info: SiteInfo = {
      function: index,
      site,
      localTypes,
      slots,
      savedSlots: rewriter.shape(site) === 'handler' ? rewriter.unionSlots() : slots,
      shape: rewriter.shape(site),
      catches: insideTry(code, rewriter.map, site.instruction),
      resultTypes: code.signature(index).results,
    };
    this.#sites.set(offset, info);
    return info;
  }

  /** The continuation at a site; `remake`: its call is made again, see Rewriter.resume. */
  build(offset: number, remake: boolean): ContinuationModule {
    const { module, metadata } = this;
    const functions = new Map<number, number>();
    const helpers = new Map<string, number>();
    const context = this.#context(functions, helpers);
    const { types, added } = context;
    const hostTypes = hostFunctions.map(([, params, results]) => types.index(params, results));
    const { site, function: index } = this.site(offset);
    const rewriter = this.#rewriter(context);
    rewriter.analyse(index);
    const own = rewriter.map.sites.find((candidate) => candidate.offset === offset)!;
    const value = (out: ByteWriter, type: number): void => {
      if (type === valueType.exnref) out.put(op.call, 0, op.tableGet).u32(added.exceptionTable);
      else getValue(out, type, { int: 0, long: 1, funcref: 2, externref: 3 });
    };
    const body = rewriter.resume(own, remake, {
      plain: false,
      value,
      inner: (out, types) => {
        out.put(op.call, 4);
        for (const type of types) value(out, type);
      },
    });
    const { results } = module.types[module.functions[index]!]!;
    const innerType = types.index([], results);
    const imported = hostFunctions.length + functions.size + helpers.size;
    const run = runBody(results, imported);
    const runType = types.index([], []);

    const imports = new ByteWriter(4096);
    let count = 0;
    const add = (kind: number, from: string, name: string): ByteWriter => {
      count++;
      return imports.name(from).name(name).u8(kind);
    };
    // Functions in the order of their numbers: host, then originals and helpers as they were first needed.
    hostFunctions.forEach(([name], i) => {
      add(0, 'h', name).u32(hostTypes[i]!);
    });
    const numbered = new Map<number, () => void>();
    for (const [f, number] of functions) numbered.set(number, () => add(0, 'f', String(f)).u32(module.functions[f]!));
    for (const [name, number] of helpers)
      numbered.set(number, () => add(0, 's', name).u32(helperType(name, types, module)));
    for (let n = hostFunctions.length; n < imported; n++) numbered.get(n)!();
    const table = (name: string, element: number, index64: boolean): void => {
      add(1, 'm', name)
        .u8(element)
        .put(index64 ? 4 : 0, 0);
    };
    module.tables.forEach(({ element, index64 }, i) => {
      table(exported.table(i), element, index64);
    });
    table(exported.port, valueType.funcref, false);
    table(exported.functions, valueType.funcref, false);
    if (metadata.usesExceptionTable) table(exported.exceptions, valueType.exnref, false);
    module.memories.forEach(({ index64 }, i) => {
      add(2, 'm', exported.memory(i)).put(index64 ? 4 : 0, 0);
    });
    module.globals.forEach(({ type, mutable }, i) => {
      add(3, 'm', exported.global(i))
        .u8(type)
        .u8(mutable ? 1 : 0);
    });
    const globals = added.bank + 2 * Math.max(metadata.bankInts, metadata.bankLongs);
    for (let i = module.globals.length; i < globals; i++) {
      add(3, 'm', exported.global(i))
        .u8(i >= added.bank && (i - added.bank) % 2 === 1 ? valueType.i64 : valueType.i32)
        .u8(1);
    }
    module.tags.forEach((type, i) => {
      add(4, 'm', exported.tag(i)).u8(0).u32(type);
    });
    add(4, 'm', exported.tag(added.tag)).u8(0).u32(runType);

    const original = module.sections.find(({ id }) => id === 1);
    const sections = [
      {
        id: 1,
        bytes: extendVector(
          original && module.bytes.subarray(original.start, original.end),
          types.added.length,
          types.encodeAdded(),
        ),
      },
      { id: 2, bytes: new ByteWriter(imports.length + 5).u32(count).copy(imports.view()).view() },
      { id: 3, bytes: new ByteWriter(12).u32(2).u32(innerType).u32(runType).view() },
      {
        id: 7,
        bytes: new ByteWriter(12)
          .u32(1)
          .name('run')
          .u8(0)
          .u32(imported + 1)
          .view(),
      },
      { id: 9, bytes: declared(functions) },
      { id: 10, bytes: new ByteWriter(body.length + 64).u32(2).nested(body).nested(run).view() },
      { id: 0, bytes: names(imported, `function ${index} resumed at ${site.offset}`) },
    ];
    return { bytes: encodeModule(sections), functions: [...functions.keys()], helpers: [...helpers.keys()] };
  }

  #rewriter(context: RewriteContext): Rewriter {
    return new Rewriter(context);
  }

  #context(functions: Map<number, number>, helpers: Map<string, number>): RewriteContext {
    const { module, metadata } = this;
    const number = <Key>(known: Map<Key, number>, key: Key): number => {
      let found = known.get(key);
      if (found === undefined) {
        found = hostFunctions.length + functions.size + helpers.size;
        known.set(key, found);
      }
      return found;
    };
    return {
      module,
      graph: metadata.graph,
      code: new FunctionCode(module),
      types: new TypeTable(module.types),
      form: metadata.form,
      added: addedIndexes(module, metadata.droppable),
      ports: new PortSignatures(metadata.saves, true),
      droppable: metadata.droppable,
      mapFunction: (f) => number(functions, f),
      segmentHelper: (code, a, b) => number(helpers, exported.segment(code, a, b)),
      rethrowForeign: () => 5,
    };
  }
}

/** Calls the continuation proper and hands its results to the host; JavaScript could not take a v128. */
function runBody(results: Uint8Array, inner: number): ByteWriter {
  const out = new ByteWriter(64).u32(results.length);
  for (const type of results) out.u32(1).u8(type);
  out.u8(op.call).u32(inner);
  for (let i = results.length - 1; i >= 0; i--) out.u8(op.localSet).u32(i);
  results.forEach((type, i) => {
    if (type === valueType.exnref) {
      throw new SuspendError('module-unsupported', 'a function that may be suspended returns an exception reference');
    }
    putLocal(out, type, i, { int: 6, long: 7, funcref: 8, externref: 9 });
  });
  return out.u8(op.end);
}

function helperType(name: string, types: TypeTable, module: Module): number {
  const [code, , b] = name
    .slice(name.indexOf(':s') + 2)
    .split(':')
    .map(Number);
  if (code !== op.memoryInit && code !== op.tableInit) return types.index([], []);
  const wide = code === op.memoryInit ? module.memories[b!]?.index64 : module.tables[b!]?.index64;
  return types.index([wide ? valueType.i64 : valueType.i32, valueType.i32, valueType.i32], []);
}

/** `ref.func` may name only functions that are declared somewhere outside of code. */
function declared(functions: Map<number, number>): Uint8Array {
  const out = new ByteWriter(16 + functions.size * 2);
  out.put(1, 3, 0).u32(functions.size);
  for (const number of functions.values()) out.u32(number);
  return out.view();
}

function names(first: number, name: string): Uint8Array {
  const map = new ByteWriter(64).u32(1).u32(first).name(name);
  return new ByteWriter(80).name('name').u8(1).nested(map).view();
}
