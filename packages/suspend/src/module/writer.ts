const utf8 = new TextEncoder();

/** A growing byte buffer with the number encodings of the binary format. */
export class ByteWriter {
  bytes: Uint8Array;
  length = 0;

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity);
  }

  reserve(count: number): void {
    const wanted = this.length + count;
    if (wanted <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(wanted, Math.ceil(this.bytes.length * 1.5)));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  u8(value: number): this {
    if (this.length === this.bytes.length) this.reserve(1);
    this.bytes[this.length++] = value;
    return this;
  }

  put(...values: number[]): this {
    for (const value of values) this.u8(value);
    return this;
  }

  u32(value: number): this {
    this.reserve(5);
    const { bytes } = this;
    let rest = value >>> 0;
    while (rest >= 0x80) {
      bytes[this.length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[this.length++] = rest;
    return this;
  }

  s32(value: number): this {
    this.reserve(5);
    let rest = value | 0;
    for (;;) {
      const byte = rest & 0x7f;
      rest >>= 7;
      if ((rest === 0 && (byte & 0x40) === 0) || (rest === -1 && (byte & 0x40) !== 0)) {
        this.bytes[this.length++] = byte;
        return this;
      }
      this.bytes[this.length++] = byte | 0x80;
    }
  }

  s64(value: bigint): this {
    let rest = BigInt.asIntN(64, value);
    for (;;) {
      const byte = Number(rest & 0x7fn);
      rest >>= 7n;
      if ((rest === 0n && (byte & 0x40) === 0) || (rest === -1n && (byte & 0x40) !== 0)) return this.u8(byte);
      this.u8(byte | 0x80);
    }
  }

  u64(value: bigint): this {
    let rest = BigInt.asUintN(64, value);
    while (rest >= 0x80n) {
      this.u8(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    return this.u8(Number(rest));
  }

  /** Copies `source[start, end)`. */
  copy(source: Uint8Array, start = 0, end: number = source.length): this {
    const count = end - start;
    if (count <= 0) return this;
    this.reserve(count);
    const { bytes } = this;
    if (count < 24) {
      let at = this.length;
      for (let i = start; i < end; i++) bytes[at++] = source[i]!;
    } else {
      bytes.set(source.subarray(start, end), this.length);
    }
    this.length += count;
    return this;
  }

  name(text: string): this {
    const encoded = utf8.encode(text);
    return this.u32(encoded.length).copy(encoded);
  }

  /** Length-prefixed content of another writer. */
  nested(content: ByteWriter): this {
    return this.u32(content.length).copy(content.bytes, 0, content.length);
  }

  view(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  finish(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.bytes.subarray(0, this.length));
  }

  clear(): void {
    this.length = 0;
  }
}
