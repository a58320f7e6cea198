/**
 * Every instruction of WebAssembly 2.0 and the proposals we accept, as tables indexed by *code*: one-byte opcodes are
 * themselves, 0xfc-prefixed ones start at 0x100, 0xfd-prefixed (SIMD) at 0x200.
 */
export const misc = 0x100;
export const simd = 0x200;
const codes = 0x400;

/** Shapes of immediates. */
export const imm = {
  invalid: 0,
  none: 1,
  memarg: 2,
  memargLane: 3,
  byte: 4,
  bytes16: 5,
  s32: 6,
  s64: 7,
  bytes4: 8,
  bytes8: 9,
  index: 10,
  index2: 11,
  block: 12,
  brTable: 13,
  selectTypes: 14,
  heapType: 15,
  tryTable: 16,
} as const;

/** `pops` of instructions whose effect on the operand stack depends on more than the opcode. */
export const special = 255;

export const immediates: Uint8Array = new Uint8Array(codes);
export const pops: Uint8Array = new Uint8Array(codes);
/** The value type pushed, or 0. */
export const pushes: Uint8Array = new Uint8Array(codes);

const i32 = 0x7f;
const i64 = 0x7e;
const f32 = 0x7d;
const f64 = 0x7c;
const v128 = 0x7b;

function define(first: number, last: number, popped: number, pushed: number, immediate: number = imm.none): void {
  immediates.fill(immediate, first, last + 1);
  pops.fill(popped, first, last + 1);
  pushes.fill(pushed, first, last + 1);
}

export const op = {
  unreachable: 0x00,
  nop: 0x01,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  try: 0x06,
  catch: 0x07,
  throw: 0x08,
  rethrow: 0x09,
  throwRef: 0x0a,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  returnCall: 0x12,
  returnCallIndirect: 0x13,
  delegate: 0x18,
  catchAll: 0x19,
  drop: 0x1a,
  select: 0x1b,
  selectT: 0x1c,
  tryTable: 0x1f,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  tableGet: 0x25,
  tableSet: 0x26,
  memorySize: 0x3f,
  memoryGrow: 0x40,
  i32Const: 0x41,
  i64Const: 0x42,
  f32Const: 0x43,
  f64Const: 0x44,
  i32Eqz: 0x45,
  i32Eq: 0x46,
  i32Ne: 0x47,
  i32LtS: 0x48,
  i32GtU: 0x4b,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32RemU: 0x70,
  i32Or: 0x72,
  refNull: 0xd0,
  refIsNull: 0xd1,
  refFunc: 0xd2,
  memoryInit: 0x108,
  dataDrop: 0x109,
  memoryCopy: 0x10a,
  memoryFill: 0x10b,
  tableInit: 0x10c,
  elemDrop: 0x10d,
  tableCopy: 0x10e,
  tableGrow: 0x10f,
  tableSize: 0x110,
  tableFill: 0x111,
} as const;

// Control and variables: the walker of function bodies knows their effect.
define(op.unreachable, op.unreachable, special, 0);
define(op.nop, op.nop, 0, 0);
define(op.block, op.if, special, 0, imm.block);
define(op.else, op.else, special, 0);
define(op.try, op.try, special, 0, imm.block);
define(op.catch, op.rethrow, special, 0, imm.index);
define(op.throwRef, op.end, special, 0);
define(op.br, op.brIf, special, 0, imm.index);
define(op.brTable, op.brTable, special, 0, imm.brTable);
define(op.return, op.return, special, 0);
define(op.call, op.call, special, 0, imm.index);
define(op.callIndirect, op.callIndirect, special, 0, imm.index2);
define(op.returnCall, op.returnCall, special, 0, imm.index);
define(op.returnCallIndirect, op.returnCallIndirect, special, 0, imm.index2);
define(op.delegate, op.delegate, special, 0, imm.index);
define(op.catchAll, op.catchAll, special, 0);
define(op.drop, op.drop, 1, 0);
define(op.select, op.select, special, 0);
define(op.selectT, op.selectT, special, 0, imm.selectTypes);
define(op.tryTable, op.tryTable, special, 0, imm.tryTable);
define(op.localGet, op.localTee, special, 0, imm.index);
define(op.globalGet, op.globalSet, special, 0, imm.index);
define(op.tableGet, op.tableSet, special, 0, imm.index);
define(op.refNull, op.refNull, special, 0, imm.heapType);
define(op.refIsNull, op.refIsNull, 1, i32);
define(op.refFunc, op.refFunc, 0, 0x70, imm.index);

// Memory. Address operands are one value whatever the memory's index type.
define(0x28, 0x28, 1, i32, imm.memarg);
define(0x29, 0x29, 1, i64, imm.memarg);
define(0x2a, 0x2a, 1, f32, imm.memarg);
define(0x2b, 0x2b, 1, f64, imm.memarg);
define(0x2c, 0x2f, 1, i32, imm.memarg);
define(0x30, 0x35, 1, i64, imm.memarg);
define(0x36, 0x3e, 2, 0, imm.memarg);
define(op.memorySize, op.memoryGrow, special, 0, imm.index);

define(op.i32Const, op.i32Const, 0, i32, imm.s32);
define(op.i64Const, op.i64Const, 0, i64, imm.s64);
define(op.f32Const, op.f32Const, 0, f32, imm.bytes4);
define(op.f64Const, op.f64Const, 0, f64, imm.bytes8);

define(0x45, 0x45, 1, i32); // i32.eqz
define(0x46, 0x4f, 2, i32);
define(0x50, 0x50, 1, i32); // i64.eqz
define(0x51, 0x66, 2, i32); // comparisons of i64, f32, f64
define(0x67, 0x69, 1, i32);
define(0x6a, 0x78, 2, i32);
define(0x79, 0x7b, 1, i64);
define(0x7c, 0x8a, 2, i64);
define(0x8b, 0x91, 1, f32);
define(0x92, 0x98, 2, f32);
define(0x99, 0x9f, 1, f64);
define(0xa0, 0xa6, 2, f64);
define(0xa7, 0xab, 1, i32);
define(0xac, 0xb1, 1, i64);
define(0xb2, 0xb6, 1, f32);
define(0xb7, 0xbb, 1, f64);
define(0xbc, 0xbc, 1, i32);
define(0xbd, 0xbd, 1, i64);
define(0xbe, 0xbe, 1, f32);
define(0xbf, 0xbf, 1, f64);
define(0xc0, 0xc1, 1, i32);
define(0xc2, 0xc4, 1, i64);

// 0xfc: saturating truncations, bulk memory, tables.
define(misc + 0, misc + 3, 1, i32);
define(misc + 4, misc + 7, 1, i64);
define(op.memoryInit, op.memoryInit, 3, 0, imm.index2);
define(op.dataDrop, op.dataDrop, 0, 0, imm.index);
define(op.memoryCopy, op.memoryCopy, 3, 0, imm.index2);
define(op.memoryFill, op.memoryFill, 3, 0, imm.index);
define(op.tableInit, op.tableInit, 3, 0, imm.index2);
define(op.elemDrop, op.elemDrop, 0, 0, imm.index);
define(op.tableCopy, op.tableCopy, 3, 0, imm.index2);
define(op.tableGrow, op.tableSize, special, 0, imm.index);
define(op.tableFill, op.tableFill, 3, 0, imm.index);

// 0xfd: SIMD and relaxed SIMD.
const s = (sub: number): number => simd + sub;
define(s(0x00), s(0x0a), 1, v128, imm.memarg);
define(s(0x0b), s(0x0b), 2, 0, imm.memarg);
define(s(0x0c), s(0x0c), 0, v128, imm.bytes16);
define(s(0x0d), s(0x0d), 2, v128, imm.bytes16);
define(s(0x0e), s(0x0e), 2, v128);
define(s(0x0f), s(0x14), 1, v128);
for (const [sub, type] of [
  [0x15, i32],
  [0x16, i32],
  [0x18, i32],
  [0x19, i32],
  [0x1b, i32],
  [0x1d, i64],
  [0x1f, f32],
  [0x21, f64],
] as const) {
  define(s(sub), s(sub), 1, type, imm.byte);
}
for (const sub of [0x17, 0x1a, 0x1c, 0x1e, 0x20, 0x22]) define(s(sub), s(sub), 2, v128, imm.byte);
define(s(0x23), s(0x4c), 2, v128);
define(s(0x4d), s(0x4d), 1, v128);
define(s(0x4e), s(0x51), 2, v128);
define(s(0x52), s(0x52), 3, v128);
define(s(0x53), s(0x53), 1, i32);
define(s(0x54), s(0x57), 2, v128, imm.memargLane);
define(s(0x58), s(0x5b), 2, 0, imm.memargLane);
define(s(0x5c), s(0x5d), 1, v128, imm.memarg);
const unary = [
  0x5e, 0x5f, 0x60, 0x61, 0x62, 0x67, 0x68, 0x69, 0x6a, 0x74, 0x75, 0x7a, 0x7c, 0x7d, 0x7e, 0x7f, 0x80, 0x81, 0x87,
  0x88, 0x89, 0x8a, 0x94, 0xa0, 0xa1, 0xa7, 0xa8, 0xa9, 0xaa, 0xc0, 0xc1, 0xc7, 0xc8, 0xc9, 0xca, 0xe0, 0xe1, 0xe3,
  0xec, 0xed, 0xef, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff, 0x101, 0x102, 0x103, 0x104,
];
const toI32 = [0x63, 0x64, 0x83, 0x84, 0xa3, 0xa4, 0xc3, 0xc4];
const ternary = [0x105, 0x106, 0x107, 0x108, 0x109, 0x10a, 0x10b, 0x10c, 0x113];
const absent = [
  0x9a, 0xa2, 0xa5, 0xa6, 0xaf, 0xb0, 0xb2, 0xb3, 0xb4, 0xbb, 0xc2, 0xc5, 0xc6, 0xcf, 0xd0, 0xd2, 0xd3, 0xd4, 0xe2,
  0xee,
];
for (let sub = 0x5e; sub <= 0x113; sub++) {
  if (absent.includes(sub)) continue;
  if (unary.includes(sub)) define(s(sub), s(sub), 1, v128);
  else if (toI32.includes(sub)) define(s(sub), s(sub), 1, i32);
  else define(s(sub), s(sub), ternary.includes(sub) ? 3 : 2, v128);
}

/** The proposal that an opcode we do not accept belongs to. */
export function proposalOf(prefix: number, sub: number): string {
  if (prefix === 0xfe) return 'threads (atomic instructions)';
  if (prefix === 0xfb) return 'garbage collection';
  if (prefix === 0xfc && sub >= 0x13 && sub <= 0x16) return 'wide arithmetic';
  if (prefix === 0xfc && sub === 0x12) return 'memory control';
  if (prefix === 0xfd) return `SIMD instruction 0x${sub.toString(16)} is not defined`;
  if (prefix === 0x14 || prefix === 0x15 || (prefix >= 0xd4 && prefix <= 0xd6)) return 'typed function references';
  if (prefix === 0xd3) return 'garbage collection';
  if (prefix >= 0xe0 && prefix <= 0xe6) return 'stack switching';
  return `opcode 0x${prefix.toString(16)} is not defined`;
}
