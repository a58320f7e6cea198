import type { OutputStream } from './stream.ts';

export interface BatchOptions {
  /** What is written while less than this is held is held, too. Default 16 KiB. */
  readonly bytes?: number;
  /**
   * Nothing is held longer than this many milliseconds, if the program makes any call in that time; a host that runs the
   * program in slices calls `WasiHost.flush` between them. Default 10.
   */
  readonly milliseconds?: number;
  /** `exact`: stdout and stderr arrive in the order they were written. `stream` (default): each keeps its own order. */
  readonly order?: 'exact' | 'stream';
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

/**
 * Joins many small writes into few large ones. The first write after a pause goes out at once, so that a program that
 * prints and then computes is seen to print; only what follows quickly is held. What the consumer does not take stays
 * held, and then the guest waits: memory does not grow.
 */
export function batchOutputs(
  { stdout, stderr }: { readonly stdout: OutputStream; readonly stderr: OutputStream },
  { bytes = 16_384, milliseconds = 10, order = 'stream', now = () => performance.now() }: BatchOptions = {},
): { readonly stdout: OutputStream; readonly stderr: OutputStream } {
  const one = new BatchedOutput(stdout, bytes, milliseconds, now);
  const two = new BatchedOutput(stderr, bytes, milliseconds, now);
  if (order === 'exact') {
    one.before = two;
    two.before = one;
  }
  return { stdout: one, stderr: two };
}

class BatchedOutput implements OutputStream {
  readonly #target: OutputStream;
  readonly #held: Uint8Array;
  readonly #milliseconds: number;
  readonly #now: () => number;
  #length = 0;
  #sentAt = Number.NEGATIVE_INFINITY;
  /** The other stream, where its bytes must go out before ours. */
  before: BatchedOutput | undefined;

  constructor(target: OutputStream, bytes: number, milliseconds: number, now: () => number) {
    this.#target = target;
    this.#held = new Uint8Array(bytes);
    this.#milliseconds = milliseconds;
    this.#now = now;
  }

  get closed(): boolean {
    return this.#target.closed;
  }

  get room(): number {
    return this.#held.length - this.#length + (this.#length === 0 ? this.#target.room : 0);
  }

  write(from: Uint8Array, start: number, length: number): number {
    if (this.before && !this.before.flush()) return 0;
    const due = this.#now() - this.#sentAt >= this.#milliseconds;
    if ((due || this.#length + length > this.#held.length) && !this.flush()) return this.#hold(from, start, length);
    if (due || length >= this.#held.length) {
      this.#sentAt = this.#now();
      const taken = this.#target.write(from, start, length);
      return taken + this.#hold(from, start + taken, length - taken);
    }
    return this.#hold(from, start, length);
  }

  /** False while the consumer does not take what is held. */
  flush(): boolean {
    if (this.#length > 0) {
      const taken = this.#target.write(this.#held, 0, this.#length);
      this.#held.copyWithin(0, taken, this.#length);
      this.#length -= taken;
      this.#sentAt = this.#now();
    }
    this.#target.flush?.();
    return this.#length === 0;
  }

  end(): void {
    this.flush();
    this.#target.end?.();
  }

  /** Ready when the consumer takes what is held, which is then passed on, so that there is room again. */
  async ready(): Promise<void> {
    const blocked = this.before && this.before.#length > 0 ? this.before : this;
    if (blocked.#length > 0) await blocked.#target.ready();
    blocked.flush();
  }

  #hold(from: Uint8Array, start: number, length: number): number {
    const count = Math.min(length, this.#held.length - this.#length);
    this.#held.set(from.subarray(start, start + count), this.#length);
    this.#length += count;
    return count;
  }
}
