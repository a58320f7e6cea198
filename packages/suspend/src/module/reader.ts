import { SuspendError } from './error.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** A cursor over bytes that never reads past its end; every failure names the byte offset in the whole input. */
export class ByteReader {
  readonly bytes: Uint8Array;
  pos: number;
  end: number;

  constructor(bytes: Uint8Array, pos = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.pos = pos;
    this.end = end;
  }

  fail(what: string, at: number = this.pos): never {
    throw new SuspendError('module-malformed', what, { offset: at });
  }

  u8(): number {
    if (this.pos >= this.end) this.fail('unexpected end');
    return this.bytes[this.pos++]!;
  }

  /** Unsigned LEB128 of at most 32 bits. */
  u32(): number {
    const bytes = this.bytes;
    let byte = this.pos < this.end ? bytes[this.pos++]! : this.fail('unexpected end');
    if (byte < 0x80) return byte;
    const start = this.pos - 1;
    let result = byte & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      byte = this.pos < this.end ? bytes[this.pos++]! : this.fail('unexpected end');
      if (shift === 28 && byte > 0x0f) this.fail('LEB128 number does not fit 32 bits', start);
      result += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return result;
    }
    return this.fail('LEB128 number is too long', start);
  }

  /** Signed LEB128 of at most 32 bits. */
  s32(): number {
    const start = this.pos;
    let result = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.u8();
      result |= (byte & 0x7f) << shift;
      if (byte < 0x80) return shift < 25 && byte & 0x40 ? result | (-1 << (shift + 7)) : result;
    }
    return this.fail('LEB128 number is too long', start);
  }

  /** Steps over a LEB128 number of at most 64 bits, signed or not. */
  skipLeb(): void {
    const start = this.pos;
    for (let i = 0; i < 10; i++) if (this.u8() < 0x80) return;
    this.fail('LEB128 number is too long', start);
  }

  /** Unsigned LEB128 of at most 64 bits. */
  u64(): bigint {
    const start = this.pos;
    let result = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.u8();
      result |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, result);
    }
    return this.fail('LEB128 number is too long', start);
  }

  /** Signed LEB128 of at most 64 bits. */
  s64(): bigint {
    const start = this.pos;
    let result = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.u8();
      result |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, byte & 0x40 ? result | (-1n << (shift + 7n)) : result);
    }
    return this.fail('LEB128 number is too long', start);
  }

  skip(count: number): void {
    if (count > this.end - this.pos) this.fail(`${count} bytes wanted, ${this.end - this.pos} left`);
    this.pos += count;
  }

  /** A view, not a copy. */
  take(count: number): Uint8Array {
    const start = this.pos;
    this.skip(count);
    return this.bytes.subarray(start, start + count);
  }

  /** The length of a vector, checked against `limit` and against the bytes left (each element takes at least one). */
  count(limit: number, what: string): number {
    const at = this.pos;
    const n = this.u32();
    if (n > limit) throw new SuspendError('module-too-large', `${n} ${what}, at most ${limit}`, { offset: at });
    if (n > this.end - this.pos) this.fail(`${n} ${what} do not fit what is left`, at);
    return n;
  }

  name(limit: number): string {
    const at = this.pos;
    const bytes = this.take(this.count(limit, 'bytes in a name'));
    try {
      return utf8.decode(bytes);
    } catch {
      return this.fail('name is not UTF-8', at);
    }
  }
}
