import { op } from '../module/opcodes.ts';
import { valueType } from '../module/value-type.ts';
import type { ByteWriter } from '../module/writer.ts';

/** Function indices of the host's getters or putters, by how a value travels. */
export interface ValueFunctions {
  readonly int: number;
  readonly long: number;
  readonly funcref: number;
  readonly externref: number;
}

/** Code that gets a value of this type from the host; floats come as their bits, a v128 as two i64. */
export function getValue(out: ByteWriter, type: number, from: ValueFunctions): void {
  switch (type) {
    case valueType.i32:
      out.u8(op.call).u32(from.int);
      break;
    case valueType.f32:
      out.u8(op.call).u32(from.int).u8(0xbe);
      break;
    case valueType.i64:
      out.u8(op.call).u32(from.long);
      break;
    case valueType.f64:
      out.u8(op.call).u32(from.long).u8(0xbf);
      break;
    case valueType.v128:
      out.u8(op.call).u32(from.long).u8(0xfd).u32(0x12);
      out.u8(op.call).u32(from.long).u8(0xfd).u32(0x1e).u8(1);
      break;
    default:
      out.u8(op.call).u32(type === valueType.externref ? from.externref : from.funcref);
  }
}

/** Code that hands the value of a local to the host, the reverse of `getValue`. */
export function putLocal(out: ByteWriter, type: number, local: number, to: ValueFunctions): void {
  const get = (): ByteWriter => out.u8(op.localGet).u32(local);
  switch (type) {
    case valueType.i32:
      get().u8(op.call).u32(to.int);
      break;
    case valueType.f32:
      get().u8(0xbc).u8(op.call).u32(to.int);
      break;
    case valueType.i64:
      get().u8(op.call).u32(to.long);
      break;
    case valueType.f64:
      get().u8(0xbd).u8(op.call).u32(to.long);
      break;
    case valueType.v128:
      for (const lane of [0, 1]) get().u8(0xfd).u32(0x1d).u8(lane).u8(op.call).u32(to.long);
      break;
    default:
      get()
        .u8(op.call)
        .u32(type === valueType.externref ? to.externref : to.funcref);
  }
}
