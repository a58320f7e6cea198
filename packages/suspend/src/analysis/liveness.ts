import { op } from '../module/opcodes.ts';
import type { FunctionCode } from './function-code.ts';
import type { OperandMap } from './sites.ts';

/** Above this many word operations, liveness is not computed and every local counts as live. */
const budget = 2e9;

interface Label {
  readonly opener: number;
  /** Live where a branch to the label goes. */
  readonly target: Uint32Array;
  /** Live behind the construct. */
  readonly after: Uint32Array;
  /** Live into handlers that an exception inside can reach; of this and of enclosing constructs. */
  handlers: Uint32Array | undefined;
  /** `if`: live into the else arm. Legacy `try`: live into its handlers so far. */
  arms: Uint32Array | undefined;
}

/**
 * Fills `site.live`. Two backward passes over the structured code: the first takes branches back to loops as dead
 * ends and yields what is live at each loop's head on paths without a back edge; every local live at a head is in that
 * set of this loop or of an enclosing one (cut the path to the use at its last back edge), so the second pass is
 * complete with their union as what flows through a back edge.
 */
export function findLive(code: FunctionCode, map: OperandMap): void {
  const { locals } = code;
  if (map.sites.length === 0) return;
  const words = (locals + 31) >>> 5;
  if (words * code.count > budget) {
    for (const site of map.sites) site.live = Uint32Array.from({ length: locals }, (_, i) => i);
    return;
  }
  const heads = new Map<number, Uint32Array>();
  if (code.loops > 0) backward(code, map, words, heads, true);
  backward(code, map, words, heads, false);
}

function backward(
  code: FunctionCode,
  map: OperandMap,
  words: number,
  heads: Map<number, Uint32Array>,
  firstPass: boolean,
): void {
  const { a, b } = code;
  const live = new Uint32Array(words);
  const nothing = new Uint32Array(words);
  const labels: Label[] = [{ opener: -1, target: nothing, after: nothing, handlers: undefined, arms: undefined }];
  const loops: Uint32Array[] = [];
  const pool: Uint32Array[] = [];
  const copy = (set: Uint32Array): Uint32Array => {
    const fresh = pool.pop() ?? new Uint32Array(words);
    fresh.set(set);
    return fresh;
  };
  const unite = (into: Uint32Array, from: Uint32Array): void => {
    for (let w = 0; w < words; w++) into[w]! |= from[w]!;
  };
  const throws = (): void => {
    const { handlers } = labels.at(-1)!;
    if (handlers) unite(live, handlers);
  };
  const label = (depth: number): Uint32Array => labels[labels.length - 1 - depth]?.target ?? nothing;
  for (let i = code.count - 1; i >= 0; i--) {
    switch (code.code[i]) {
      case op.localGet:
        live[a[i]! >>> 5]! |= 1 << (a[i]! & 31);
        break;
      case op.localSet:
      case op.localTee:
        live[a[i]! >>> 5]! &= ~(1 << (a[i]! & 31));
        break;
      case op.end:
      case op.delegate: {
        const opener = b[i]!;
        if (opener < 0) break;
        const parent = labels.at(-1)!;
        const after = copy(live);
        if (code.code[opener] === op.loop) {
          let target: Uint32Array = nothing;
          if (!firstPass) {
            target = copy(heads.get(opener)!);
            if (loops.length > 0) unite(target, loops.at(-1)!);
            loops.push(target);
          }
          labels.push({ opener, target, after, handlers: parent.handlers, arms: undefined });
        } else {
          let { handlers } = parent;
          if (code.code[opener] === op.tryTable) {
            handlers = copy(handlers ?? nothing);
            for (const clause of code.catches(opener)) unite(handlers, label(clause.label));
          }
          labels.push({ opener, target: after, after, handlers, arms: undefined });
        }
        break;
      }
      case op.else: {
        const top = labels.at(-1)!;
        top.arms = copy(live);
        live.set(top.after);
        break;
      }
      case op.catch:
      case op.catchAll: {
        const top = labels.at(-1)!;
        if (!top.arms) top.arms = copy(nothing);
        unite(top.arms, live);
        live.set(top.after);
        // The handlers of a try are written behind its body: the body begins (backwards) before its first handler.
        if (code.b[top.opener] === i) {
          top.handlers = copy(top.handlers ?? nothing);
          unite(top.handlers, top.arms);
        }
        break;
      }
      case op.if: {
        const top = labels.pop()!;
        unite(live, top.arms ?? top.after);
        pool.push(top.after);
        if (top.arms) pool.push(top.arms);
        break;
      }
      case op.loop: {
        const top = labels.pop()!;
        if (firstPass) heads.set(i, copy(live));
        else loops.pop();
        pool.push(top.after);
        break;
      }
      case op.block:
        pool.push(labels.pop()!.after);
        break;
      case op.try:
      case op.tryTable:
        labels.pop();
        break;
      case op.br:
        live.set(label(a[i]!));
        break;
      case op.brIf:
        unite(live, label(a[i]!));
        break;
      case op.brTable: {
        live.fill(0);
        let previous = -1;
        for (const target of new Set(code.branchTargets(i))) {
          if (target !== previous) unite(live, label(target));
          previous = target;
        }
        break;
      }
      case op.return:
      case op.unreachable:
      case op.returnCall:
      case op.returnCallIndirect:
        live.fill(0);
        break;
      case op.throw:
      case op.rethrow:
      case op.throwRef:
        live.fill(0);
        throws();
        break;
      case op.call:
      case op.callIndirect:
        throws();
        break;
    }
    if (!firstPass && map.siteAt[i]! >= 0) {
      const site = map.sites[map.siteAt[i]!]!;
      if (code.code[i] === op.loop) unite(live, heads.get(i)!);
      site.live = members(live, code.locals);
    }
  }
  const entry = map.sites[0];
  // Locals that are not parameters are still zero at the entry.
  if (!firstPass && entry?.kind === 'entry') entry.live = members(live, code.params);
}

function members(set: Uint32Array, below: number): Uint32Array {
  const found: number[] = [];
  for (let i = 0; i < below; i++) if (set[i >>> 5]! & (1 << (i & 31))) found.push(i);
  return Uint32Array.from(found);
}
