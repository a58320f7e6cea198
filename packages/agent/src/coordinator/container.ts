import {
  type AgentMessage,
  type Assignment,
  type CheckpointMessage,
  type ContainerState,
  type ExitedState,
  type Hello,
  limits,
  type StreamOffsets,
} from '@wigeon/protocol';
import { decompressSnapshot } from '@wigeon/suspend';
import { AgentError } from '../error.ts';
import { createFlow, FlowRelease, type GuestReport } from '../guest/index.ts';
import { Checkpointer } from './checkpointer.ts';
import type { GuestPool } from './guest-pool.ts';
import type { ModuleStore } from './module-store.ts';
import { OutputBook } from './output-book.ts';
import type { AgentRuntime, Guest } from './runtime.ts';

/**
 * Output kept for one container whose guest cannot be made to wait, in bytes. Beyond it the container fails, and says so:
 * dropping output silently or eating the visitor's memory would be worse.
 */
const HARD_CAP_BYTES = 64 * 1024 * 1024;
/** Exit code of a program that SIGTERM ended: WASI programs have no handlers, so the default action applies. */
const STOPPED_EXIT_CODE = 143;
/** containerd's exit code for a container that could not be started (`StartError`). */
const START_ERROR_EXIT_CODE = 128;
/** Longest wait for a program to leave its worker before that is terminated all the same, in milliseconds. */
const LEAVE_MS = 150;
/** As for a process that SIGKILL ended. */
const KILLED_EXIT_CODE = 137;

type StateMessage = Extract<AgentMessage, { type: 'state' }>;

export interface ContainerOptions {
  readonly assignment: Assignment;
  readonly runtime: AgentRuntime;
  readonly modules: ModuleStore;
  readonly guests: GuestPool;
  /** Whether the node has welcomed the present connection. */
  readonly connected: () => boolean;
  /** Sends to the node, if connected. */
  readonly send: (data: StateMessage | CheckpointMessage | Uint8Array<ArrayBuffer>) => void;
}

/** One assignment from its arrival until the node has recorded its exit: state, guest worker and unacknowledged output. */
export class Container {
  readonly #options: ContainerOptions;
  readonly #book: OutputBook;
  readonly #checkpointer: Checkpointer | undefined;
  #state: ContainerState = { phase: 'starting' };
  #guest: Guest | undefined;
  #flow: FlowRelease | undefined;
  #flushDue = false;
  #discarded = false;
  #leaving: (() => void) | undefined;

  constructor(options: ContainerOptions) {
    this.#options = options;
    const { assignment, runtime } = options;
    this.#book = new OutputBook(assignment.resume?.streams);
    if (assignment.suspend) {
      this.#checkpointer = new Checkpointer({
        assignment,
        runtime,
        ask: (command) => this.#guest?.command(command),
        send: (data) => {
          this.#flush();
          options.send(data);
        },
      });
    }
  }

  get epoch(): number {
    return this.#options.assignment.epoch;
  }

  get ended(): boolean {
    return this.#state.phase === 'exited';
  }

  /** As `hello` lists it. */
  get held(): Hello['held'][number] {
    const { assignment, epoch } = this.#options.assignment;
    return { assignment, epoch, state: this.#state, produced: this.#book.produced };
  }

  /** Fetches, compiles and starts the program. Whatever goes wrong becomes the container's state. */
  async start(): Promise<void> {
    const { assignment, modules, guests } = this.#options;
    this.sendState();
    let module: WebAssembly.Module;
    let snapshots: Uint8Array<ArrayBuffer>[];
    try {
      [module, snapshots] = await Promise.all([
        modules.get({ ...assignment.module, token: assignment.token }),
        this.#snapshots(),
      ]);
    } catch (error) {
      const reason = error instanceof AgentError ? error.message : `the module could not be loaded: ${String(error)}`;
      this.#finish({ cause: 'error', exitCode: START_ERROR_EXIT_CODE, message: reason });
      return;
    }
    if (this.#discarded || this.ended) return;
    const flow = createFlow(limits.unacknowledgedBytes);
    this.#flow = flow && new FlowRelease(flow);
    this.#guest = guests.take({
      report: (report) => this.#onReport(report),
      failed: (reason) =>
        this.#finish({
          cause: 'error',
          exitCode: this.#state.phase === 'running' ? KILLED_EXIT_CODE : START_ERROR_EXIT_CODE,
          message: `the guest worker failed: ${reason}`,
        }),
    });
    const { argv, env, suspend, resume } = assignment;
    this.#guest.start(
      {
        module,
        argv,
        env,
        pieceBytes: limits.outputBytes,
        ...(flow && { flow }),
        ...(suspend && { suspendable: true }),
        ...(resume && { resume: { snapshots, sequence: resume.sequence } }),
      },
      snapshots.map(({ buffer }) => buffer),
    );
  }

  /** Takes a checkpoint now; resolves when it is on its way, or never will be. With `final` the program stays suspended. */
  checkpoint(final: boolean): Promise<void> {
    if (this.#state.phase !== 'running' || !this.#checkpointer) return Promise.resolve();
    return this.#checkpointer.request(final);
  }

  /** The node has a checkpoint. @returns whether the program is another agent's now */
  checkpointed(sequence: number): boolean {
    return this.#checkpointer?.confirmed(sequence) ?? false;
  }

  async #snapshots(): Promise<Uint8Array<ArrayBuffer>[]> {
    const { assignment, modules } = this.#options;
    const { resume, token } = assignment;
    return Promise.all(
      (resume?.checkpoints ?? []).map(async (blob) => decompressSnapshot(await modules.blob({ ...blob, token }))),
    );
  }

  /** Ends the program now, wherever it is; after an exit nothing happens. */
  stop(): void {
    this.#finish({ cause: 'stopped', exitCode: STOPPED_EXIT_CODE });
  }

  /** Ends the program without a word to the node, which has given the assignment up. */
  discard(): void {
    this.#discarded = true;
    this.#checkpointer?.end();
    this.#endGuest();
  }

  acknowledge(stored: StreamOffsets): void {
    this.#book.acknowledge(stored);
    this.#flow?.release(this.#book.storedBytes);
  }

  /** On a new connection: output from `stored` on, then the state as it is now. */
  resend(stored: StreamOffsets): void {
    this.#book.rewind(stored);
    this.#flow?.release(this.#book.storedBytes);
    this.sendState();
    this.#checkpointer?.resend();
  }

  /** Sends the present state, after all output that came before it. */
  sendState(): void {
    const { assignment, epoch } = this.#options.assignment;
    this.#flush();
    this.#options.send({ type: 'state', assignment, epoch, state: this.#state });
  }

  #onReport(report: GuestReport): void {
    if (report.kind === 'idle') this.#leaving?.();
    if (this.#discarded || this.ended) return;
    switch (report.kind) {
      case 'ready':
      case 'idle':
        return;
      case 'running':
        this.#state = { phase: 'running', startedAt: this.#time() };
        this.sendState();
        this.#checkpointer?.begin();
        return;
      case 'checkpoint':
        void this.#checkpointer?.taken(report);
        return;
      case 'output':
        this.#flow?.take();
        this.#book.append(report.stream, report.bytes);
        if (this.#book.keptBytes > HARD_CAP_BYTES) {
          this.#finish({
            cause: 'error',
            exitCode: KILLED_EXIT_CODE,
            message: `more than ${HARD_CAP_BYTES} bytes of output could not be delivered, and this browser cannot make a program wait (no shared memory)`,
          });
        } else if (!this.#flushDue) {
          this.#flushDue = true;
          this.#options.runtime.defer(() => this.#flush());
        }
        return;
      case 'exited':
        // Nothing runs in the worker any more.
        this.#guest?.terminate();
        this.#guest = undefined;
        this.#finish(report);
    }
  }

  /** The one way into `exited`: later calls change nothing, so no assignment ever exits twice. */
  #finish(exit: { cause: ExitedState['cause']; exitCode: number; message?: string }): void {
    if (this.#discarded || this.ended) return;
    this.#state = {
      phase: 'exited',
      cause: exit.cause,
      exitCode: exit.exitCode,
      ...(exit.message === undefined ? {} : { message: exit.message.slice(0, 4096) }),
      ...(this.#state.phase === 'running' ? { startedAt: this.#state.startedAt } : {}),
      finishedAt: this.#time(),
    };
    this.#checkpointer?.end();
    this.sendState();
    this.#endGuest();
  }

  /**
   * Ends the worker. A suspendable program is first left between two slices: Chromium lets a terminated busy worker go on
   * for two seconds, and WebKitGTK starts no further ones after a few of them.
   */
  #endGuest(): void {
    const guest = this.#guest;
    this.#guest = undefined;
    if (!guest) return;
    if (!this.#checkpointer) {
      guest.terminate();
      return;
    }
    this.#leaving = () => guest.terminate();
    guest.command({ kind: 'stop' });
    this.#options.runtime.clock.after(LEAVE_MS, () => guest.terminate());
  }

  #flush(): void {
    this.#flushDue = false;
    const { assignment, connected, send } = this.#options;
    // What is not sent now goes out on the next connection (`resend`).
    if (this.#discarded || !connected()) return;
    for (const frame of this.#book.takeUnsent(assignment.assignment, assignment.epoch)) send(frame);
  }

  #time(): string {
    return new Date(this.#options.runtime.clock.now()).toISOString();
  }
}
