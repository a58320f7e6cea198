import type { FunctionCode } from '../analysis/function-code.ts';
import type { OperandMap } from '../analysis/sites.ts';
import type { FunctionType } from '../module/decode.ts';
import { op } from '../module/opcodes.ts';

/** Types of the values that instruction i leaves on the stack. */
export function pushedTypes(code: FunctionCode, map: OperandMap, i: number): ArrayLike<number> {
  switch (code.code[i]) {
    case op.end:
    case op.delegate:
      return code.blockResults(code.type[code.b[i]!]!);
    case op.loop:
      return code.blockParams(code.type[i]!);
    case op.catch:
      return code.module.types[code.module.tags[code.a[i]!]!]!.params;
    case op.call:
    case op.callIndirect:
      return callSignature(code, i).results;
    default:
      return [map.pushed[i]!];
  }
}

/** Type of the function that the call at instruction i calls. */
export function callSignature(code: FunctionCode, i: number): FunctionType {
  return isDirectCall(code, i) ? code.signature(code.a[i]!) : code.module.types[code.a[i]!]!;
}

export function isDirectCall(code: FunctionCode, i: number): boolean {
  return code.code[i] === op.call || code.code[i] === op.returnCall;
}
