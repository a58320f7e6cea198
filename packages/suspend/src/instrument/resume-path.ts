import type { FunctionCode } from '../analysis/function-code.ts';
import type { OperandMap } from '../analysis/sites.ts';
import { op } from '../module/opcodes.ts';

/** A construct on the way to a site: which part of it the site is in, and the height below its parameters. */
export interface PathStep {
  readonly opener: number;
  arm: 'body' | 'else' | 'handler';
  readonly base: number;
}

/** The constructs that are open at instruction i, outermost first. */
export function pathTo(code: FunctionCode, map: OperandMap, i: number): PathStep[] {
  const path: PathStep[] = [];
  for (let k = 0; k < i; k++) {
    switch (code.code[k]) {
      case op.block:
      case op.loop:
      case op.if:
      case op.try:
      case op.tryTable:
        path.push({ opener: k, arm: 'body', base: map.base[k]! });
        break;
      case op.else:
        path.at(-1)!.arm = 'else';
        break;
      case op.catch:
      case op.catchAll:
        path.at(-1)!.arm = 'handler';
        break;
      case op.end:
      case op.delegate:
        path.pop();
        break;
    }
  }
  return path;
}

/** Whether instruction i is in the body of a `try` or `try_table`. */
export function insideTry(code: FunctionCode, map: OperandMap, i: number): boolean {
  return pathTo(code, map, i).some(
    ({ opener, arm }) => arm === 'body' && (code.code[opener] === op.try || code.code[opener] === op.tryTable),
  );
}
