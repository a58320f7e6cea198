import type { OutputStream } from './stream.ts';

const NEVER_FULL = 1 << 16;

/** Passes every write on at once; the bytes are the callee's to keep. */
export function directOutput(deliver: (bytes: Uint8Array) => void): OutputStream {
  return {
    room: NEVER_FULL,
    closed: false,
    ready: () => Promise.resolve(),
    write(from, start, length) {
      // A copy on memory of its own: what the guest has may be shared, and it goes on writing there.
      const bytes = new Uint8Array(length);
      bytes.set(from.subarray(start, start + length));
      if (length > 0) deliver(bytes);
      return length;
    },
  };
}

export interface OutputQueueOptions {
  /** Bytes that may wait for the consumer before the guest is made to wait. */
  readonly highWater: number;
  /** Gets the bytes as they come; the consumer calls `taken` when it is done with them. */
  readonly deliver: (bytes: Uint8Array) => void;
}

/** An output whose consumer, on the guest's own thread, says when it has taken the bytes: back-pressure. */
export class OutputQueue implements OutputStream {
  readonly #options: OutputQueueOptions;
  #waiting: (() => void)[] = [];
  #outstanding = 0;
  closed = false;

  constructor(options: OutputQueueOptions) {
    this.#options = options;
  }

  get room(): number {
    return Math.max(0, this.#options.highWater - this.#outstanding);
  }

  write(from: Uint8Array, start: number, length: number): number {
    const count = Math.min(length, this.room);
    if (count === 0) return 0;
    const bytes = new Uint8Array(count);
    bytes.set(from.subarray(start, start + count));
    this.#outstanding += count;
    this.#options.deliver(bytes);
    return count;
  }

  /** The consumer has dealt with this many bytes. */
  taken(bytes: number): void {
    this.#outstanding -= bytes;
    this.#wake();
  }

  /** The consumer is gone. */
  close(): void {
    this.closed = true;
    this.#wake();
  }

  ready(): Promise<void> {
    if (this.room > 0 || this.closed) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
