// A pipe between two threads, in memory that both have. The guest's thread may sleep while the other one feeds it.
import type { InputStream, OutputStream } from './stream.ts';

/** What both ends have; it can be posted to another thread as it is. */
export interface SharedPipe {
  /** Counts every change; whoever sleeps, sleeps on it. Pipes of one guest share one. */
  readonly doorbell: Int32Array;
  /** Bytes read, bytes written (both modulo 2^32), and whether either end is closed. */
  readonly state: Int32Array;
  readonly data: Uint8Array;
}

const READ = 0;
const WRITTEN = 1;
const WRITER_CLOSED = 2;
const READER_CLOSED = 3;

/**
 * Memory that threads can share, or undefined where this page has none: without cross-origin isolation, and in
 * WebKitGTK 2.50 even with it (browser.md section 0).
 */
export function createDoorbell(): Int32Array | undefined {
  if (typeof SharedArrayBuffer !== 'function') return undefined;
  return new Int32Array(new SharedArrayBuffer(4));
}

/** A pipe that rings this doorbell. `capacity`: bytes that may wait in it; a power of two. */
export function createSharedPipe(doorbell: Int32Array, capacity: number = 1 << 16): SharedPipe {
  if (capacity < 1 || (capacity & (capacity - 1)) !== 0) throw new RangeError('the capacity is not a power of two');
  return {
    doorbell,
    state: new Int32Array(new SharedArrayBuffer(16)),
    data: new Uint8Array(new SharedArrayBuffer(capacity)),
  };
}

/** Lets every thread that waits on the doorbell look again. */
export function ring(doorbell: Int32Array): void {
  Atomics.add(doorbell, 0, 1);
  Atomics.notify(doorbell, 0);
}

/** Settles at the next ring, for a thread that must not sleep; `satisfied` is asked before, so that no ring is missed. */
async function nextRing(doorbell: Int32Array, satisfied: () => boolean): Promise<void> {
  const seen = Atomics.load(doorbell, 0);
  if (satisfied()) return;
  await Atomics.waitAsync(doorbell, 0, seen).value;
}

class PipeEnd {
  readonly pipe: SharedPipe;

  constructor(pipe: SharedPipe) {
    this.pipe = pipe;
  }

  /** Bytes in the pipe. */
  get filled(): number {
    const { state } = this.pipe;
    return (Atomics.load(state, WRITTEN) - Atomics.load(state, READ)) >>> 0;
  }

  flag(which: number): boolean {
    return Atomics.load(this.pipe.state, which) !== 0;
  }

  change(which: number, value: number): void {
    Atomics.store(this.pipe.state, which, value);
    ring(this.pipe.doorbell);
  }
}

/** The end that reads: the guest's stdin, or the other thread for output. */
export class SharedPipeReader extends PipeEnd implements InputStream {
  get available(): number {
    return this.filled;
  }

  get ended(): boolean {
    // The flag first: bytes written before the end must not be lost.
    return this.flag(WRITER_CLOSED) && this.filled === 0;
  }

  read(into: Uint8Array, start: number, length: number): number {
    const done = this.peek(into, start, length);
    if (done > 0) this.change(READ, (Atomics.load(this.pipe.state, READ) + done) | 0);
    return done;
  }

  peek(into: Uint8Array, start: number, length: number): number {
    const { data, state } = this.pipe;
    const count = Math.min(length, this.filled);
    const from = Atomics.load(state, READ) & (data.length - 1);
    const first = Math.min(count, data.length - from);
    into.set(data.subarray(from, from + first), start);
    into.set(data.subarray(0, count - first), start + first);
    return count;
  }

  stop(): void {
    this.change(READER_CLOSED, 1);
  }

  async ready(): Promise<void> {
    await nextRing(this.pipe.doorbell, () => this.available > 0 || this.ended);
  }
}

/** The end that writes: the other thread for stdin, or the guest's stdout. */
export class SharedPipeWriter extends PipeEnd implements OutputStream {
  get room(): number {
    return this.pipe.data.length - this.filled;
  }

  get closed(): boolean {
    return this.flag(READER_CLOSED);
  }

  write(from: Uint8Array, start: number, length: number): number {
    const { data, state } = this.pipe;
    const count = Math.min(length, this.room);
    if (count === 0) return 0;
    const written = Atomics.load(state, WRITTEN);
    const at = written & (data.length - 1);
    const first = Math.min(count, data.length - at);
    data.set(from.subarray(start, start + first), at);
    data.set(from.subarray(start + first, start + count), 0);
    this.change(WRITTEN, (written + count) | 0);
    return count;
  }

  /** Writes all of it, waiting for room without blocking the thread; false if the reader is gone. */
  async writeAll(bytes: Uint8Array): Promise<boolean> {
    for (let done = 0; done < bytes.length; ) {
      if (this.closed) return false;
      done += this.write(bytes, done, bytes.length - done);
      if (done < bytes.length) await this.ready();
    }
    return true;
  }

  end(): void {
    this.change(WRITER_CLOSED, 1);
  }

  async ready(): Promise<void> {
    await nextRing(this.pipe.doorbell, () => this.room > 0 || this.closed);
  }
}
