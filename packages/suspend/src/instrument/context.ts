import type { CallGraph } from '../analysis/call-graph.ts';
import type { FunctionCode } from '../analysis/function-code.ts';
import type { Module } from '../module/decode.ts';
import type { TypeTable } from '../module/encode.ts';
import { maxInts, maxLongs, port, type SaveSlot } from './layout.ts';

/** Indices of what instrumenting adds, all behind the module's own, so that none of the module's indices change. */
export interface AddedIndexes {
  /** Tables. */
  readonly portTable: number;
  readonly functionsTable: number;
  readonly exceptionTable: number;
  /** Globals: units left, extra units of loops that throw, site of a frame in the bank, first of the bank. */
  readonly fuel: number;
  readonly slack: number;
  readonly bankSite: number;
  /** 1: the guest was not left to be suspended, but to go on in another continuation. */
  readonly transfer: number;
  readonly firstDropFlag: number;
  readonly bank: number;
  readonly tag: number;
}

/** Most values of one kind that a poll which does not return may save in globals. */
export const bankLimit = 64;

/** The segments that the module's code drops, each with a flag global. */
export interface DroppableSegments {
  readonly data: readonly number[];
  readonly elements: readonly number[];
}

export function addedIndexes(module: Module, droppable: DroppableSegments): AddedIndexes {
  const globals = module.globals.length;
  const tables = module.tables.length;
  const firstDropFlag = globals + 4;
  return {
    portTable: tables,
    functionsTable: tables + 1,
    exceptionTable: tables + 2,
    fuel: globals,
    slack: globals + 1,
    bankSite: globals + 2,
    transfer: globals + 3,
    firstDropFlag,
    bank: firstDropFlag + droppable.data.length + droppable.elements.length,
    tag: module.tags.length,
  };
}

/** What a function's rewriting needs of its surroundings; differs between the main module and continuations. */
export interface RewriteContext {
  readonly module: Module;
  readonly graph: CallGraph;
  readonly code: FunctionCode;
  readonly types: TypeTable;
  readonly form: 'legacy' | 'try_table';
  readonly added: AddedIndexes;
  readonly ports: PortSignatures;
  readonly droppable: DroppableSegments;
  /** Index by which to call function f, or undefined where indices are those of the original. */
  readonly mapFunction: ((f: number) => number) | undefined;
  /** Function that does a segment instruction for a module that does not have the segment. */
  readonly segmentHelper: ((code: number, a: number, b: number) => number) | undefined;
  /** Function that throws again an exception of the host; continuations only. */
  readonly rethrowForeign: (() => number) | undefined;
}

/** Save functions in order of first use; their numbers are entries of the port table. */
export class PortSignatures {
  readonly slots: SaveSlot[];
  bankInts = 0;
  bankLongs = 0;
  /** A continuation may not need more than the main module declares. */
  readonly #fixed: boolean;

  constructor(slots: readonly SaveSlot[] = [], fixed = false) {
    this.slots = [...slots];
    this.#fixed = fixed;
  }

  slot(ints: number, longs: number): number {
    let found = this.slots.findIndex((slot) => slot.ints === ints && slot.longs === longs);
    if (found < 0) {
      if (this.#fixed) throw new Error(`no save function for ${ints} ints and ${longs} longs`);
      if (ints > maxInts || longs > maxLongs) throw new Error('save function too wide');
      found = this.slots.push({ ints, longs }) - 1;
    }
    return port.saves + found;
  }
}
