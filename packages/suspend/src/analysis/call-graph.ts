import type { Module } from '../module/decode.ts';
import { SuspendError } from '../module/error.ts';
import { op } from '../module/opcodes.ts';
import { type ExceptionForm, FunctionCode } from './function-code.ts';
import { loopNeedsPoll } from './loops.ts';

/** What is known of a module before any function is rewritten. */
export interface CallGraph {
  /** By function index: a call of it may be suspended. */
  readonly suspends: Uint8Array;
  /** By function index: polls at its entry, because every cycle of calls must pass a poll. */
  readonly entryPoll: Uint8Array;
  /**
   * By type index, for `call_indirect`: bit 0, such a call may be suspended; bit 1, it can reach an imported function
   * directly (its arguments must be kept to make it again).
   */
  readonly indirect: Uint8Array;
}

/** What is found beside the call graph and only instrumenting needs. */
export interface ModuleAnalysis extends CallGraph {
  readonly exceptions: ExceptionForm;
  /** By function index: must be rewritten even if it never suspends (drops a segment). */
  readonly drops: Uint8Array;
  readonly instructions: number;
}

/** WASI calls that answer at once whatever the host; any other import may suspend. */
export const neverSuspending: readonly string[] = [
  'args_get',
  'args_sizes_get',
  'environ_get',
  'environ_sizes_get',
  'clock_res_get',
  'clock_time_get',
  'fd_prestat_get',
  'fd_prestat_dir_name',
  'random_get',
  'proc_exit',
];

class IntList {
  data = new Int32Array(1024);
  length = 0;
  push(value: number): void {
    if (this.length === this.data.length) {
      const grown = new Int32Array(this.length * 2);
      grown.set(this.data);
      this.data = grown;
    }
    this.data[this.length++] = value;
  }
}

/**
 * Reads every function once and finds which may be on the stack at a suspension: those that poll or reach a function
 * that does, through direct calls and through what can be in tables.
 */
export function analyseCalls(module: Module): ModuleAnalysis {
  const functions = module.functions.length;
  const types = canonicalTypes(module);
  const code = new FunctionCode(module);
  // Nodes: functions, then one node per type that is called indirectly. A table is not told from another: element
  // segments can be copied between tables at run time.
  const typeNode = new Map<number, number>();
  const typeOfNode: number[] = [];
  const edges = new IntList();
  const firstEdge = new Int32Array(functions + 1);
  const polls = new Uint8Array(functions);
  const drops = new Uint8Array(functions);
  const size = new Int32Array(functions);
  const taken = new Uint8Array(functions);
  for (const segment of module.elements) for (const f of segment.functions) taken[f] = 1;
  let exceptions: ExceptionForm = 'none';
  let instructions = 0;
  for (let f = 0; f < functions; f++) {
    firstEdge[f] = edges.length;
    if (f < module.importedFunctions) continue;
    code.decode(f);
    size[f] = code.count;
    instructions += code.count;
    if (code.exceptions !== 'none') {
      if (exceptions !== 'none' && exceptions !== code.exceptions) {
        throw new SuspendError('module-unsupported', 'legacy and try_table exception handling in one module', {
          offset: code.start,
        });
      }
      exceptions = code.exceptions;
    }
    for (let i = 0; i < code.count; i++) {
      switch (code.code[i]) {
        case op.call:
        case op.returnCall:
          edges.push(code.a[i]!);
          break;
        case op.callIndirect:
        case op.returnCallIndirect: {
          const type = types[code.a[i]!]!;
          let node = typeNode.get(type);
          if (node === undefined) {
            node = functions + typeOfNode.length;
            typeNode.set(type, node);
            typeOfNode.push(type);
          }
          edges.push(node);
          break;
        }
        case op.refFunc:
          taken[code.a[i]!] = 1;
          break;
        case op.dataDrop:
        case op.elemDrop:
          drops[f] = 1;
          break;
        case op.loop:
          if (polls[f] === 0 && loopNeedsPoll(code, i)) polls[f] = 1;
          break;
      }
    }
  }
  firstEdge[functions] = edges.length;
  const nodes = functions + typeOfNode.length;
  const first = new Int32Array(nodes + 1);
  first.set(firstEdge);
  const importable = new Set<number>();
  const takenByType = new Map<number, number[]>();
  for (let f = 0; f < functions; f++) {
    if (!taken[f]) continue;
    const type = types[module.functions[f]!]!;
    const known = takenByType.get(type);
    if (known) known.push(f);
    else takenByType.set(type, [f]);
    if (f < module.importedFunctions) importable.add(type);
  }
  for (let node = functions; node < nodes; node++) {
    for (const f of takenByType.get(typeOfNode[node - functions]!) ?? []) edges.push(f);
    first[node + 1] = edges.length;
  }
  const entryPoll = cutCycles(functions, nodes, first, edges.data, size, module.importedFunctions);
  const seeds = new Uint8Array(nodes);
  let imported = 0;
  for (const entry of module.imports) {
    if (entry.kind === 'function') seeds[imported++] = neverSuspending.includes(entry.name) ? 0 : 1;
  }
  for (let f = 0; f < functions; f++) if (polls[f] || entryPoll[f]) seeds[f] = 1;
  const reached = reachBackwards(nodes, first, edges, seeds);
  return {
    suspends: reached.subarray(0, functions),
    entryPoll,
    indirect: Uint8Array.from(types, (type) => {
      const node = typeNode.get(type);
      return (node !== undefined && reached[node] ? 1 : 0) | (importable.has(type) ? 2 : 0);
    }),
    exceptions,
    drops,
    instructions,
  };
}

/** Types that are equal by structure get the number of the first of them. */
function canonicalTypes(module: Module): Int32Array {
  const seen = new Map<string, number>();
  return Int32Array.from(module.types, ({ params, results }, index) => {
    const key = `${params.join()}>${results.join()}`;
    const known = seen.get(key);
    if (known !== undefined) return known;
    seen.set(key, index);
    return index;
  });
}

/**
 * Functions whose entry polls so that no cycle of calls is free of polls: at each back edge of a depth-first walk the
 * larger of the two functions (its entry costs least in proportion); where the edge leads to a type, the caller.
 */
function cutCycles(
  functions: number,
  nodes: number,
  first: Int32Array,
  edges: Int32Array,
  size: Int32Array,
  imported: number,
): Uint8Array {
  const cut = new Uint8Array(functions);
  const state = new Uint8Array(nodes);
  const next = first.slice(0, nodes);
  const path = new Int32Array(nodes);
  for (let root = imported; root < functions; root++) {
    if (state[root] !== 0) continue;
    let depth = 0;
    path[0] = root;
    state[root] = 1;
    while (depth >= 0) {
      const node = path[depth]!;
      if (next[node] === first[node + 1]) {
        state[node] = 2;
        depth--;
        continue;
      }
      const target = edges[next[node]!++]!;
      if (state[target] === 0) {
        state[target] = 1;
        path[++depth] = target;
      } else if (state[target] === 1) {
        if (node >= functions) cut[target] = 1;
        else if (target >= functions) cut[node] = 1;
        else if (cut[node] === 0 && cut[target] === 0) cut[size[node]! > size[target]! ? node : target] = 1;
      }
    }
  }
  return cut;
}

/** Nodes from which a seed can be reached. */
function reachBackwards(nodes: number, first: Int32Array, edges: IntList, seeds: Uint8Array): Uint8Array {
  const counts = new Int32Array(nodes + 1);
  for (let e = 0; e < edges.length; e++) counts[edges.data[e]! + 1]!++;
  for (let i = 0; i < nodes; i++) counts[i + 1]! += counts[i]!;
  const sources = new Int32Array(edges.length);
  const fill = counts.slice();
  for (let node = 0; node < nodes; node++) {
    for (let e = first[node]!; e < first[node + 1]!; e++) sources[fill[edges.data[e]!]!++] = node;
  }
  const reached = new Uint8Array(nodes);
  const queue = new Int32Array(nodes);
  let length = 0;
  for (let node = 0; node < nodes; node++) {
    if (seeds[node]) {
      reached[node] = 1;
      queue[length++] = node;
    }
  }
  while (length > 0) {
    const node = queue[--length]!;
    for (let e = counts[node]!; e < counts[node + 1]!; e++) {
      const source = sources[e]!;
      if (reached[source] === 0) {
        reached[source] = 1;
        queue[length++] = source;
      }
    }
  }
  return reached;
}
