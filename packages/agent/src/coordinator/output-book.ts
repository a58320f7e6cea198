import { encodeFrame, limits, type OutputStream, type StreamOffsets } from '@wigeon/protocol';

interface Chunk {
  readonly stream: OutputStream;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * The output of one container that the node has not yet acknowledged, in the order the program wrote it. Both streams
 * share one list, so that lines of stdout and stderr arrive in their order.
 */
export class OutputBook {
  readonly #chunks: Chunk[] = [];
  /** Index of the first chunk that has not been sent over the present connection. */
  #unsent = 0;
  #keptBytes = 0;
  readonly #produced: { stdout: number; stderr: number };
  readonly #stored: { stdout: number; stderr: number };

  /** @param from what an earlier agent has produced: this program's output is numbered from there */
  constructor(from: StreamOffsets = { stdout: 0, stderr: 0 }) {
    this.#produced = { ...from };
    this.#stored = { ...from };
  }

  /** Bytes of each stream so far. */
  get produced(): StreamOffsets {
    return { ...this.#produced };
  }

  /** Bytes in memory because the node may still ask for them. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Bytes the node has acknowledged, over both streams. */
  get storedBytes(): number {
    return this.#stored.stdout + this.#stored.stderr;
  }

  append(stream: OutputStream, bytes: Uint8Array): void {
    this.#chunks.push({ stream, offset: this.#produced[stream], bytes });
    this.#produced[stream] += bytes.length;
    this.#keptBytes += bytes.length;
  }

  /** Forgets what the node has stored. Offsets beyond what was produced count as all of it; going back is ignored. */
  acknowledge(stored: StreamOffsets): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      this.#stored[stream] = Math.max(this.#stored[stream], Math.min(stored[stream], this.#produced[stream]));
    }
    let done = 0;
    while (done < this.#chunks.length && this.#isStored(this.#chunks[done]!)) done++;
    for (const chunk of this.#chunks.splice(0, done)) this.#keptBytes -= chunk.bytes.length;
    this.#unsent = Math.max(0, this.#unsent - done);
  }

  /** After a new connection: everything that is not stored has to be sent again. */
  rewind(stored: StreamOffsets): void {
    this.acknowledge(stored);
    this.#unsent = 0;
  }

  /** Encoded frames for all that has not been sent, neighbours of one stream joined up to the frame limit. */
  *takeUnsent(assignment: string, epoch: number): Generator<Uint8Array<ArrayBuffer>> {
    while (this.#unsent < this.#chunks.length) {
      const { stream, offset, bytes } = this.#gather();
      for (let from = 0; from < bytes.length; from += limits.outputBytes) {
        const part = bytes.subarray(from, from + limits.outputBytes);
        yield encodeFrame({ kind: 'output', assignment, epoch, stream, offset: offset + from, bytes: part });
      }
    }
  }

  #isStored({ stream, offset, bytes }: Chunk): boolean {
    return offset + bytes.length <= this.#stored[stream];
  }

  /** Takes the next chunks that belong together off the unsent ones, without what is already stored. */
  #gather(): Chunk {
    const first = this.#chunks[this.#unsent]!;
    let end = this.#unsent;
    let length = 0;
    for (; end < this.#chunks.length; end++) {
      const chunk = this.#chunks[end]!;
      if (chunk.stream !== first.stream || (length > 0 && length + chunk.bytes.length > limits.outputBytes)) break;
      length += chunk.bytes.length;
    }
    let bytes = first.bytes;
    if (end > this.#unsent + 1) {
      bytes = new Uint8Array(length);
      let at = 0;
      for (let i = this.#unsent; i < end; i++) {
        bytes.set(this.#chunks[i]!.bytes, at);
        at += this.#chunks[i]!.bytes.length;
      }
    }
    this.#unsent = end;
    const skip = Math.min(bytes.length, Math.max(0, this.#stored[first.stream] - first.offset));
    return { stream: first.stream, offset: first.offset + skip, bytes: bytes.subarray(skip) };
  }
}
