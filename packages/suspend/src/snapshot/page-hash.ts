import { encodeModule } from '../module/encode.ts';
import { op } from '../module/opcodes.ts';
import { valueType } from '../module/value-type.ts';
import { ByteWriter } from '../module/writer.ts';

/** Granularity of memory in snapshots. The unit of operating systems: programs and allocators cluster by it. */
export const pageBytes = 4096;

/**
 * 128-bit hashes of a memory's pages, two words a page. Not cryptographic: it tells a program's page from its own
 * former content. WebAssembly does it, where it runs at several gigabytes a second in every engine; JavaScript would
 * have to do 64-bit products in pieces, and WebCrypto is asynchronous.
 */
export function hashPages(memory: WebAssembly.Memory): BigUint64Array {
  const pages = memory.buffer.byteLength / pageBytes;
  const { exports } = new WebAssembly.Instance(compiled(), { m: { m: memory } });
  const first = exports.first as (at: number) => bigint;
  const second = exports.second as WebAssembly.Global;
  const hashes = new BigUint64Array(pages * 2);
  for (let page = 0; page < pages; page++) {
    hashes[page * 2] = BigInt.asUintN(64, first(page * pageBytes));
    hashes[page * 2 + 1] = BigInt.asUintN(64, second.value as bigint);
  }
  return hashes;
}

let hasher: WebAssembly.Module | undefined;

function compiled(): WebAssembly.Module {
  hasher ??= new WebAssembly.Module(hasherModule());
  return hasher;
}

/** Odd constants with well mixed bits (from the golden ratio and the square root of two). */
const multipliers = [0x9e3779b97f4a7c15n, 0xb504f333f9de6485n] as const;

/**
 * For each word: `h = rotate(h ^ word) * odd`, twice with other constants. The rotation brings high bits down, so that
 * equal changes of high bits in two words do not cancel.
 */
function hasherModule(): Uint8Array<ArrayBuffer> {
  const { i32, i64 } = valueType;
  const at = 0;
  const end = 1;
  const a = 2;
  const b = 3;
  const word = 4;
  const body = new ByteWriter().u32(2).u32(1).u8(i32).u32(3).u8(i64);
  body.put(op.localGet, at, op.i32Const).s32(pageBytes).put(op.i32Add, op.localSet, end);
  for (const [local, seed] of [
    [a, multipliers[1]],
    [b, multipliers[0]],
  ] as const) {
    body.u8(op.i64Const).s64(BigInt.asIntN(64, seed)).put(op.localSet, local);
  }
  body.put(op.loop, 0x40);
  for (let k = 0; k < 8; k++) {
    body
      .put(op.localGet, at, 0x29, 3)
      .u32(k * 8)
      .put(op.localSet, word);
    for (const [local, turn, odd] of [
      [a, 23n, multipliers[0]],
      [b, 41n, multipliers[1]],
    ] as const) {
      body.put(op.localGet, local, op.localGet, word, 0x85, op.i64Const).s64(turn).u8(0x89);
      body.u8(op.i64Const).s64(BigInt.asIntN(64, odd)).put(0x7e, op.localSet, local);
    }
  }
  body.put(op.localGet, at, op.i32Const).s32(64).put(op.i32Add, op.localTee, at, op.localGet, end, op.i32Ne);
  body.put(op.brIf, 0, op.end);
  // The last words have met few products: mix once more.
  for (const local of [a, b]) {
    body.put(op.localGet, local, op.localGet, local, op.i64Const).s64(29n).put(0x88, 0x85, op.i64Const);
    body.s64(BigInt.asIntN(64, multipliers[0])).put(0x7e, op.localTee, local);
    body.put(op.localGet, local, op.i64Const).s64(32n).put(0x88, 0x85);
    if (local === a) body.put(op.localSet, a);
  }
  body.put(op.globalSet, 0, op.localGet, a, op.end);
  return encodeModule([
    { id: 1, bytes: new ByteWriter().put(1, 0x60, 1, i32, 1, i64).view() },
    { id: 2, bytes: new ByteWriter().u32(1).name('m').name('m').put(2, 0, 0).view() },
    { id: 3, bytes: Uint8Array.of(1, 0) },
    { id: 6, bytes: Uint8Array.of(1, i64, 1, op.i64Const, 0, op.end) },
    { id: 7, bytes: new ByteWriter().u32(2).name('first').put(0, 0).name('second').put(3, 0).view() },
    { id: 10, bytes: new ByteWriter().u32(1).nested(body).view() },
  ]);
}
