import type { FunctionCode } from './function-code.ts';

/** Whether the loop at instruction `i` must poll. */
export function loopNeedsPoll(_code: FunctionCode, _i: number): boolean {
  return true;
}
