import { type Assignment, type CheckpointMessage, encodeFrame, limits } from '@wigeon/protocol';
import { compressSnapshot } from '@wigeon/suspend';
import type { GuestCheckpoint, GuestCommand } from '../guest/index.ts';
import type { AgentRuntime } from './runtime.ts';

export interface CheckpointerOptions {
  readonly assignment: Assignment;
  readonly runtime: AgentRuntime;
  readonly ask: (command: GuestCommand) => void;
  /** Sends output that came before, then this; lost when there is no connection. */
  readonly send: (data: CheckpointMessage | Uint8Array<ArrayBuffer>) => void;
}

/** One container's checkpoints: when one is due, on its way, and stored. Never more than one at a time. */
export class Checkpointer {
  readonly #options: CheckpointerOptions;
  /** Asked for or on its way to the node. */
  #busy: { sequence: number | undefined; final: boolean } | undefined;
  /** Asked for while another one was busy. */
  #next: { final: boolean } | undefined;
  /** Kept until the node has it, for another connection. */
  #upload: { frames: Uint8Array<ArrayBuffer>[]; message: CheckpointMessage } | undefined;
  #stored: number | undefined;
  #chain = 0;
  #cancelTimer: (() => void) | undefined;
  /** Settles at the next upload, with whether that was a final one. */
  #sent = Promise.withResolvers<boolean>();
  #ended = false;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
  }

  /** The program runs: checkpoints from now on. */
  begin(): void {
    this.#schedule();
  }

  /** Resolves when a checkpoint has been sent (with `final`: a final one), or never will be. */
  async request(final: boolean): Promise<void> {
    if (this.#ended) return;
    if (this.#busy) this.#next = { final: final || (this.#next?.final ?? false) };
    else this.#ask(final);
    while (!(await this.#sent.promise) && final && !this.#ended);
  }

  /** The guest has taken one. */
  async taken(checkpoint: GuestCheckpoint): Promise<void> {
    const { assignment, epoch } = this.#options.assignment;
    const { sequence, base, streams, memoryBytes, final } = checkpoint;
    const takenAt = new Date(this.#options.runtime.clock.now()).toISOString();
    this.#busy = { sequence, final };
    this.#chain = base === null ? 1 : this.#chain + 1;
    const bytes = await compressSnapshot(checkpoint.bytes);
    const digest = await sha256(bytes);
    if (this.#ended) return;
    const frames: Uint8Array<ArrayBuffer>[] = [];
    for (let from = 0; from < bytes.length; from += limits.checkpointFrameBytes) {
      const part = bytes.subarray(from, from + limits.checkpointFrameBytes);
      frames.push(encodeFrame({ kind: 'checkpoint', assignment, epoch, sequence, bytes: part }));
    }
    const blob = { digest, size: bytes.length };
    this.#upload = {
      frames,
      message: { type: 'checkpoint', assignment, epoch, sequence, base, blob, streams, takenAt, memoryBytes, final },
    };
    this.resend();
  }

  /** Sends what the node has not confirmed. */
  resend(): void {
    if (!this.#upload || this.#ended) return;
    for (const frame of this.#upload.frames) this.#options.send(frame);
    this.#options.send(this.#upload.message);
    this.#sent.resolve(this.#upload.message.final);
    this.#sent = Promise.withResolvers();
  }

  /** The node has it on its disk. @returns whether it was the last one, and the program is another agent's now */
  confirmed(sequence: number): boolean {
    if (this.#busy?.sequence !== sequence) return false;
    const { final } = this.#busy;
    this.#stored = sequence;
    this.#upload = undefined;
    this.#busy = undefined;
    if (final) return true;
    const next = this.#next;
    this.#next = undefined;
    if (next) this.#ask(next.final);
    else this.#schedule();
    return false;
  }

  end(): void {
    this.#ended = true;
    this.#cancelTimer?.();
    this.#upload = undefined;
    this.#sent.resolve(true);
  }

  #ask(final: boolean): void {
    this.#cancelTimer?.();
    this.#busy = { sequence: undefined, final };
    const delta = this.#stored !== undefined && this.#chain < limits.checkpointChain;
    this.#options.ask({ kind: 'checkpoint', final, delta });
  }

  #schedule(): void {
    const seconds = this.#options.assignment.suspend?.checkpointSeconds;
    if (seconds === undefined || this.#ended) return;
    this.#cancelTimer?.();
    this.#cancelTimer = this.#options.runtime.clock.after(seconds * 1000, () => void this.request(false));
  }
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return `sha256:${Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
