import {
  type AgentMessage,
  type Assignment,
  type ContainerState,
  type ExitedState,
  type Hello,
  limits,
  type StreamOffsets,
} from '@wigeon/protocol';
import { AgentError } from '../error.ts';
import { createFlow, FlowRelease, type GuestReport } from '../guest/index.ts';
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
  readonly send: (data: StateMessage | Uint8Array<ArrayBuffer>) => void;
}

/** One assignment from its arrival until the node has recorded its exit: state, guest worker and unacknowledged output. */
export class Container {
  readonly #options: ContainerOptions;
  readonly #book = new OutputBook();
  #state: ContainerState = { phase: 'starting' };
  #guest: Guest | undefined;
  #flow: FlowRelease | undefined;
  #flushDue = false;
  #discarded = false;

  constructor(options: ContainerOptions) {
    this.#options = options;
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
    try {
      module = await modules.get({ ...assignment.module, token: assignment.token });
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
    const { argv, env } = assignment;
    this.#guest.start({ module, argv, env, pieceBytes: limits.outputBytes, ...(flow && { flow }) });
  }

  /** Ends the program now, wherever it is; after an exit nothing happens. */
  stop(): void {
    this.#finish({ cause: 'stopped', exitCode: STOPPED_EXIT_CODE });
  }

  /** Ends the program without a word to the node, which has given the assignment up. */
  discard(): void {
    this.#discarded = true;
    this.#guest?.terminate();
    this.#guest = undefined;
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
  }

  /** Sends the present state, after all output that came before it. */
  sendState(): void {
    const { assignment, epoch } = this.#options.assignment;
    this.#flush();
    this.#options.send({ type: 'state', assignment, epoch, state: this.#state });
  }

  #onReport(report: GuestReport): void {
    if (this.#discarded || this.ended) return;
    switch (report.kind) {
      case 'ready':
        return;
      case 'running':
        this.#state = { phase: 'running', startedAt: this.#time() };
        this.sendState();
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
    this.sendState();
    this.#guest?.terminate();
    this.#guest = undefined;
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
