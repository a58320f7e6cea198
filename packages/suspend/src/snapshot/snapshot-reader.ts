import { SuspendError } from '../module/error.ts';

/** A cursor over a snapshot; every read is checked, every failure names the byte offset. */
export class SnapshotReader {
  readonly bytes: Uint8Array;
  pos = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  fail(what: string, at: number = this.pos): never {
    throw new SuspendError('snapshot-malformed', what, { offset: at });
  }

  u8(): number {
    if (this.pos >= this.bytes.length) this.fail('snapshot ends too soon');
    return this.bytes[this.pos++]!;
  }

  u32(): number {
    const value = this.u64();
    if (value > 0xffffffffn) this.fail('number does not fit 32 bits');
    return Number(value);
  }

  u64(): bigint {
    const start = this.pos;
    let result = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.u8();
      result |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, result);
    }
    return this.fail('number is too long', start);
  }

  /** A count of things that take at least `each` bytes. */
  count(what: string, each = 1): number {
    const at = this.pos;
    const n = this.u32();
    if (n * each > this.bytes.length - this.pos) this.fail(`${n} ${what} do not fit what is left`, at);
    return n;
  }

  take(length: number): Uint8Array {
    if (length > this.bytes.length - this.pos)
      this.fail(`${length} bytes wanted, ${this.bytes.length - this.pos} left`);
    this.pos += length;
    return this.bytes.subarray(this.pos - length, this.pos);
  }

  text(): string {
    return new TextDecoder().decode(this.take(this.count('bytes of text')));
  }
}
