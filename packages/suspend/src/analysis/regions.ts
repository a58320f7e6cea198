import { op } from '../module/opcodes.ts';
import type { FunctionCode } from './function-code.ts';
import { loopNeedsPoll } from './loops.ts';

/**
 * Loops without calls count down in a local. `load[i]`: the loop at instruction i is the outermost such loop; the
 * global countdown is read into the local before it. `settle[i]`: what the local has used is written back at
 * instruction i: behind an `end`, at the head of a `loop`, before a `return`, before the function's last `end`.
 */
export interface CountdownRegions {
  readonly load: Uint8Array;
  readonly settle: Uint8Array;
  readonly any: boolean;
}

export const noRegions: CountdownRegions = { load: new Uint8Array(0), settle: new Uint8Array(0), any: false };

export function findRegions(code: FunctionCode): CountdownRegions {
  if (code.loops === 0) return noRegions;
  const load = new Uint8Array(code.count);
  const settle = new Uint8Array(code.count);
  const openers: number[] = [];
  let regionEnd = -1;
  let any = false;
  // Where a branch of this depth lands: behind the `end` of a block, or at the head of a loop.
  const landing = (depth: number): void => {
    const opener = openers[openers.length - 1 - depth];
    if (opener === undefined) settle[code.count - 1] = 1;
    else if (code.code[opener] === op.loop) settle[opener] = 1;
    else settle[code.a[opener]!] = 1;
  };
  const leaves = (depth: number, i: number): boolean => {
    const opener = openers[openers.length - 1 - depth];
    return opener === undefined || code.a[opener]! > regionEnd || opener > i;
  };
  for (let i = 0; i < code.count; i++) {
    const inside = i < regionEnd;
    switch (code.code[i]) {
      case op.loop:
        if (!inside && code.calls[i] === 0 && (loopNeedsPoll(code, i) || innerNeedsPoll(code, i))) {
          load[i] = 1;
          any = true;
          regionEnd = code.a[i]!;
          settle[regionEnd] = 1;
        }
        openers.push(i);
        break;
      case op.block:
      case op.if:
      case op.try:
      case op.tryTable:
        openers.push(i);
        if (inside && code.code[i] === op.tryTable) {
          openers.pop();
          for (const { label } of code.catches(i)) if (leaves(label, i)) landing(label);
          openers.push(i);
        }
        break;
      case op.end:
      case op.delegate:
        openers.pop();
        break;
      case op.br:
      case op.brIf:
        if (inside && leaves(code.a[i]!, i)) landing(code.a[i]!);
        break;
      case op.brTable:
        if (inside) for (const target of new Set(code.branchTargets(i))) if (leaves(target, i)) landing(target);
        break;
      case op.return:
      case op.returnCall:
      case op.returnCallIndirect:
        if (inside) settle[i] = 1;
        break;
    }
  }
  return any ? { load, settle, any } : noRegions;
}

function innerNeedsPoll(code: FunctionCode, loop: number): boolean {
  for (let i = loop + 1; i < code.a[loop]!; i++) if (code.code[i] === op.loop && loopNeedsPoll(code, i)) return true;
  return false;
}
