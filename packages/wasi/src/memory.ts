import * as wasi from './abi.ts';
import { errno } from './errno.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** TextDecoder refuses shared memory, and below this length a loop is faster than a call into the engine. */
const SHORT = 64;

/** The guest's linear memory, checked: every access outside it is `fault`, never an exception of the engine. */
export class GuestMemory {
  #memory: WebAssembly.Memory | undefined;
  #buffer: ArrayBufferLike | undefined;
  /** Valid until the guest runs again: growing the memory replaces the buffer. */
  u8: Uint8Array = new Uint8Array();
  view: DataView = new DataView(new ArrayBuffer(0));

  bind(memory: WebAssembly.Memory): void {
    this.#memory = memory;
    this.refresh();
  }

  /** To be called first in every call from the guest. */
  refresh(): void {
    const buffer = this.#memory?.buffer;
    if (buffer === this.#buffer || buffer === undefined) return;
    this.#buffer = buffer;
    this.u8 = new Uint8Array(buffer);
    this.view = new DataView(buffer);
  }

  /** Returns the pointer as unsigned after checking that `length` bytes follow it. */
  check(pointer: number, length: number): number {
    const start = pointer >>> 0;
    if (start + length > this.u8.length) throw errno(wasi.ERRNO_FAULT);
    return start;
  }

  bytes(pointer: number, length: number): Uint8Array {
    const start = this.check(pointer, length >>> 0);
    return this.u8.subarray(start, start + (length >>> 0));
  }

  getU32(pointer: number): number {
    return this.view.getUint32(this.check(pointer, 4), true);
  }

  setU32(pointer: number, value: number): void {
    this.view.setUint32(this.check(pointer, 4), value, true);
  }

  /** Up to 2^53. */
  setU64(pointer: number, value: number): void {
    writeU64(this.view, this.check(pointer, 8), value);
  }

  setTime(pointer: number, milliseconds: number): void {
    writeTimestamp(this.view, this.check(pointer, 8), milliseconds);
  }

  /** The UTF-8 text at a pointer; `ilseq` where it is not UTF-8. */
  text(pointer: number, length: number): string {
    const start = this.check(pointer, length >>> 0);
    const end = start + (length >>> 0);
    if (end - start <= SHORT) {
      let text = '';
      let at = start;
      for (; at < end; at++) {
        const code = this.u8[at]!;
        if (code >= 0x80) break;
        text += String.fromCharCode(code);
      }
      if (at === end) return text;
    }
    try {
      return decoder.decode(this.u8.slice(start, end));
    } catch {
      throw errno(wasi.ERRNO_ILSEQ);
    }
  }
}

const TWO_32 = 2 ** 32;

/** A whole number up to 2^53 as a u64. */
export function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / TWO_32), true);
}

/** Milliseconds as the nanoseconds of a `timestamp`, without big integers: programs read clocks very often. */
export function writeTimestamp(view: DataView, at: number, milliseconds: number): void {
  const whole = Math.floor(milliseconds);
  const seconds = Math.floor(whole / 1000);
  const rest = (whole - seconds * 1000) * 1e6 + Math.floor((milliseconds - whole) * 1e6);
  // seconds * 1e9 + rest, in two parts that a double holds exactly.
  const high = Math.floor(seconds / 65536) * 1e9;
  const low = (high % 65536) * 65536 + (seconds % 65536) * 1e9 + rest;
  view.setUint32(at, low >>> 0, true);
  view.setUint32(at + 4, Math.floor(high / 65536) + Math.floor(low / TWO_32), true);
}

export function encodeText(text: string): Uint8Array {
  return encoder.encode(text);
}
