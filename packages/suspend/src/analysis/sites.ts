import { SuspendError } from '../module/error.ts';
import { op, pops, pushes, special } from '../module/opcodes.ts';
import { valueType } from '../module/value-type.ts';
import type { CallGraph } from './call-graph.ts';
import type { FunctionCode } from './function-code.ts';
import { loopNeedsPoll } from './loops.ts';

/**
 * A place where a function can be suspended, named by the offset of an instruction in the original module's code
 * section (counted from the section's content, as DWARF does).
 * `call`: in the call at that offset. `loop`: at the head of the loop at that offset, about to run its body.
 * `entry`: before the first instruction; its offset is that of the body with its local declarations.
 */
export interface Site {
  readonly kind: 'call' | 'loop' | 'entry';
  readonly instruction: number;
  readonly offset: number;
  /** Types of the operands that the frame holds, bottom first: below the arguments of a call, or with them. */
  readonly operands: Uint8Array;
  /** The call is of an import, or may be: its arguments are the last of `operands`, so that it can be made again. */
  readonly withArguments: boolean;
  /** Legacy `try`s, outermost first, whose handlers the site is in and which are rethrown from: see CaughtLocals. */
  readonly caught: readonly number[];
  /** Locals live at the site, ascending; set by liveness. */
  live: Uint32Array;
}

const none = new Uint32Array(0);

/** Where the values on the operand stack come from and which of them a site needs. Reused like FunctionCode. */
export class OperandMap {
  /** Height of the (first) value that instruction i pushes. */
  height: Int32Array = new Int32Array(0);
  /** Type of the value that instruction i pushes, where it pushes exactly one. */
  pushed: Uint8Array = new Uint8Array(0);
  /** 1 if a value that instruction i pushes is below some site and has to be kept in a local as well. */
  kept: Uint8Array = new Uint8Array(0);
  /** Openers: height below their parameters. */
  base: Int32Array = new Int32Array(0);
  /** 1 if instruction i cannot be reached. */
  dead: Uint8Array = new Uint8Array(0);
  sites: Site[] = [];
  /** Legacy `try`s (by instruction) that a `rethrow` names. */
  rethrown: ReadonlySet<number> = new Set();
  /** Index into `sites` by instruction, or -1. */
  siteAt: Int32Array = new Int32Array(0);

  types: Uint8Array = new Uint8Array(1024);
  producers: Int32Array = new Int32Array(1024);
  #size = 0;

  reserve(count: number): void {
    if (count > this.height.length) {
      const size = Math.ceil(count * 1.5);
      this.height = new Int32Array(size);
      this.pushed = new Uint8Array(size);
      this.kept = new Uint8Array(size);
      this.base = new Int32Array(size);
      this.dead = new Uint8Array(size);
      this.siteAt = new Int32Array(size);
    }
    this.kept.fill(0, 0, count);
    this.dead.fill(0, 0, count);
    this.siteAt.fill(-1, 0, count);
    this.sites = [];
    this.rethrown = new Set();
    this.#size = 0;
  }

  get size(): number {
    return this.#size;
  }

  push(type: number, producer: number): void {
    if (this.#size === this.types.length) {
      const types = new Uint8Array(this.#size * 2);
      types.set(this.types);
      this.types = types;
      const producers = new Int32Array(this.#size * 2);
      producers.set(this.producers);
      this.producers = producers;
    }
    this.types[this.#size] = type;
    this.producers[this.#size++] = producer;
  }

  truncate(size: number): void {
    this.#size = size;
  }
}

interface Control {
  readonly opener: number;
  /** Height below the block's parameters. */
  readonly base: number;
  readonly type: number;
  readonly parameterProducers: Int32Array | undefined;
  /** The opener itself cannot be reached. */
  readonly dead: boolean;
  inHandler: boolean;
}

/**
 * Types the operand stack of a decoded function and finds its sites. This is not validation (the engine does that
 * with what we produce); it only must not be led astray by code that would not validate.
 */
export function findSites(code: FunctionCode, graph: CallGraph, map: OperandMap): void {
  const { module, count, a } = code;
  map.reserve(count);
  const index64 = (memory: number): number => (module.memories[memory]?.index64 ? valueType.i64 : valueType.i32);
  const control: Control[] = [
    { opener: -1, base: 0, type: -1, parameterProducers: undefined, dead: false, inHandler: false },
  ];
  let top = control[0]!;
  const rethrown = code.exceptions === 'legacy' ? findRethrown(code) : map.rethrown;
  map.rethrown = rethrown;
  let dead = false;
  let kept = 0;
  const malformed = (i: number, what: string): never => {
    throw new SuspendError('module-malformed', `${what} in function ${code.index}`, { offset: code.pos[i]! });
  };
  const pop = (n: number, i: number): void => {
    if (map.size - n < top.base) malformed(i, 'operand stack underflow');
    map.truncate(map.size - n);
    if (map.size < kept) kept = map.size;
  };
  const push = (type: number, i: number): void => {
    map.height[i] = map.size;
    map.pushed[i] = type;
    map.push(type, i);
  };
  const pushAll = (types: Uint8Array, i: number): void => {
    map.height[i] = map.size;
    if (types.length === 1) map.pushed[i] = types[0]!;
    for (let k = 0; k < types.length; k++) map.push(types[k]!, i);
  };
  const site = (kind: Site['kind'], i: number, height: number, withArguments: boolean): void => {
    for (; kept < height; kept++) map.kept[map.producers[kept]!] = 1;
    map.siteAt[Math.max(i, 0)] = map.sites.length;
    map.sites.push({
      kind,
      instruction: i,
      offset: code.pos[i]! - code.sectionStart,
      operands: map.types.slice(0, height),
      withArguments,
      caught: control.filter((c) => c.inHandler && rethrown.has(c.opener)).map((c) => c.opener),
      live: none,
    });
  };
  const call = (i: number, params: Uint8Array, results: Uint8Array, indirect: boolean, suspends: boolean): void => {
    const withArguments = indirect ? (graph.indirect[a[i]!]! & 2) !== 0 : a[i]! < module.importedFunctions;
    const args = params.length + (indirect ? 1 : 0);
    if (map.size - args < top.base) malformed(i, 'operand stack underflow');
    if (suspends) site('call', i, withArguments ? map.size : map.size - args, withArguments);
    pop(args, i);
    pushAll(results, i);
  };
  const open = (i: number): void => {
    const params = code.blockParams(code.type[i]!);
    if (map.size - params.length < top.base) malformed(i, 'operand stack underflow');
    const base = map.size - params.length;
    map.base[i] = base;
    const parameterProducers =
      params.length > 0 && code.code[i] === op.if ? map.producers.slice(base, map.size) : undefined;
    top = { opener: i, base, type: code.type[i]!, parameterProducers, dead: false, inHandler: false };
    control.push(top);
  };
  // The entry poll is told apart by its kind; its operands are none.
  if (graph.entryPoll[code.index]) {
    map.sites.push({
      kind: 'entry',
      instruction: -1,
      offset: code.bodyStart - code.sectionStart,
      operands: new Uint8Array(0),
      withArguments: false,
      caught: [],
      live: none,
    });
  }
  for (let i = 0; i < count; i++) {
    const c = code.code[i]!;
    if (dead) {
      map.dead[i] = 1;
      switch (c) {
        case op.block:
        case op.loop:
        case op.if:
        case op.try:
        case op.tryTable:
          control.push({
            opener: i,
            base: map.size,
            type: -1,
            parameterProducers: undefined,
            dead: true,
            inHandler: false,
          });
          top = control.at(-1)!;
          continue;
        case op.else:
        case op.catch:
        case op.catchAll:
        case op.end:
        case op.delegate:
          if (top.dead) {
            if (c === op.end || c === op.delegate) {
              control.pop();
              top = control.at(-1)!;
            }
            continue;
          }
          break;
        default:
          continue;
      }
    }
    const popped = pops[c]!;
    if (popped !== special) {
      if (popped > 0) pop(popped, i);
      const pushed = pushes[c]!;
      if (pushed !== 0) push(pushed, i);
      continue;
    }
    switch (c) {
      case op.unreachable:
      case op.br:
      case op.brTable:
      case op.returnCall:
        // A tail call of an import leaves no frame to make it again from: it becomes a call and a return.
        if (a[i]! < module.importedFunctions && graph.suspends[a[i]!]) site('call', i, map.size, true);
        dead = true;
        break;
      case op.returnCallIndirect:
        if (graph.indirect[a[i]!] === 3) site('call', i, map.size, true);
        dead = true;
        break;
      case op.return:
      case op.throw:
      case op.rethrow:
      case op.throwRef:
        dead = true;
        break;
      case op.block:
      case op.try:
      case op.tryTable:
        open(i);
        break;
      case op.if:
        pop(1, i);
        open(i);
        break;
      case op.loop: {
        open(i);
        const params = code.blockParams(code.type[i]!);
        if (params.length > 0) {
          // A branch back brings new values: from here on they come from the loop itself.
          pop(params.length, i);
          pushAll(params, i);
        }
        if (loopNeedsPoll(code, i)) site('loop', i, map.size, false);
        break;
      }
      case op.else: {
        map.truncate(top.base);
        kept = Math.min(kept, top.base);
        const params = code.blockParams(top.type);
        for (let k = 0; k < params.length; k++) map.push(params[k]!, top.parameterProducers![k]!);
        dead = false;
        map.dead[i] = 0;
        break;
      }
      case op.catch:
      case op.catchAll:
        map.truncate(top.base);
        kept = Math.min(kept, top.base);
        dead = false;
        map.dead[i] = 0;
        top.inHandler = true;
        if (c === op.catch) pushAll(module.types[module.tags[a[i]!]!]!.params, i);
        break;
      case op.end:
      case op.delegate: {
        map.truncate(top.base);
        kept = Math.min(kept, top.base);
        const { type } = top;
        control.pop();
        map.dead[i] = 0;
        dead = false;
        if (control.length === 0) break;
        top = control.at(-1)!;
        pushAll(code.blockResults(type), i);
        break;
      }
      case op.brIf:
        pop(1, i);
        break;
      case op.call: {
        const { params, results } = code.signature(a[i]!);
        call(i, params, results, false, graph.suspends[a[i]!] === 1);
        break;
      }
      case op.callIndirect: {
        const { params, results } = module.types[a[i]!]!;
        call(i, params, results, true, (graph.indirect[a[i]!]! & 1) !== 0);
        break;
      }
      case op.select: {
        pop(2, i);
        if (map.size - 1 < top.base) malformed(i, 'operand stack underflow');
        const type = map.types[map.size - 1]!;
        pop(1, i);
        push(type, i);
        break;
      }
      case op.selectT:
        pop(3, i);
        push(a[i]!, i);
        break;
      case op.localGet:
        push(code.localTypes[a[i]!]!, i);
        break;
      case op.localSet:
        pop(1, i);
        break;
      case op.localTee:
        pop(1, i);
        push(code.localTypes[a[i]!]!, i);
        break;
      case op.globalGet:
        push(module.globals[a[i]!]!.type, i);
        break;
      case op.globalSet:
        pop(1, i);
        break;
      case op.tableGet:
        pop(1, i);
        push(module.tables[a[i]!]!.element, i);
        break;
      case op.tableSet:
        pop(2, i);
        break;
      case op.memorySize:
        push(index64(a[i]!), i);
        break;
      case op.memoryGrow:
        pop(1, i);
        push(index64(a[i]!), i);
        break;
      case op.tableSize:
      case op.tableGrow:
        if (c === op.tableGrow) pop(2, i);
        push(module.tables[a[i]!]!.index64 ? valueType.i64 : valueType.i32, i);
        break;
      case op.refNull:
        push(a[i]!, i);
        break;
    }
  }
}

/** The legacy `try`s that some `rethrow` in their handlers names. */
function findRethrown(code: FunctionCode): Set<number> {
  const found = new Set<number>();
  const open: number[] = [];
  for (let i = 0; i < code.count; i++) {
    switch (code.code[i]) {
      case op.block:
      case op.loop:
      case op.if:
      case op.try:
        open.push(i);
        break;
      case op.end:
      case op.delegate:
        open.pop();
        break;
      case op.rethrow: {
        const opener = open[open.length - 1 - code.a[i]!];
        if (opener !== undefined && code.code[opener] === op.try) found.add(opener);
        break;
      }
    }
  }
  return found;
}
