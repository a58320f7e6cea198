import type { InputStream } from './stream.ts';

/** An input whose owner feeds it on the guest's own thread, while the guest is suspended or before it starts. */
export class InputQueue implements InputStream {
  readonly #pieces: Uint8Array[] = [];
  #waiting: (() => void)[] = [];
  #ended = false;
  available = 0;
  /** Bytes the guest has taken since the beginning; part of the saved state. */
  position = 0;

  /** The bytes are the queue's to keep. */
  push(bytes: Uint8Array): void {
    if (this.#ended || bytes.length === 0) return;
    this.#pieces.push(bytes);
    this.available += bytes.length;
    this.#wake();
  }

  /** The guest sees the end after what was pushed before. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  get ended(): boolean {
    return this.#ended && this.available === 0;
  }

  read(into: Uint8Array, start: number, length: number): number {
    const done = this.peek(into, start, length);
    let left = done;
    while (left > 0) {
      const piece = this.#pieces[0]!;
      if (piece.length <= left) this.#pieces.shift();
      else this.#pieces[0] = piece.subarray(left);
      left -= Math.min(left, piece.length);
    }
    this.available -= done;
    this.position += done;
    return done;
  }

  peek(into: Uint8Array, start: number, length: number): number {
    let done = 0;
    for (const piece of this.#pieces) {
      if (done === length) break;
      const part = piece.subarray(0, length - done);
      into.set(part, start + done);
      done += part.length;
    }
    return done;
  }

  stop(): void {
    this.#pieces.length = 0;
    this.available = 0;
    this.end();
  }

  ready(): Promise<void> {
    if (this.available > 0 || this.#ended) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** An input with all its bytes there from the start, then the end; without bytes: the end at once. */
export function closedInput(bytes?: Uint8Array): InputQueue {
  const queue = new InputQueue();
  if (bytes) queue.push(bytes);
  queue.end();
  return queue;
}
