import type { Assignment, ContainerState, ExitedState, OutputFrame, StreamOffsets } from '@wigeon/protocol';
import type { ContainerLog } from '../logs/index.ts';

/** How a container's run on agents ended. `lost`: its agent went away and did not come back in time. */
export type RunEnd = ExitedState | { readonly phase: 'lost'; readonly message: string };

/** What an assignment needs from whoever holds the agent's connection. */
export interface AssignmentHolder {
  readonly id: string;
  send(
    message:
      | { type: 'stop' | 'settled'; assignment: string; epoch: number }
      | { type: 'ack'; assignment: string; epoch: number; stored: StreamOffsets },
  ): void;
}

/** One container instance on one agent, from before it is sent until its exit is recorded. */
export class AssignedRun {
  readonly message: Assignment;
  readonly holder: AssignmentHolder;
  /** When the program began to run; resolves also when it ended without ever running. */
  readonly started: Promise<void>;
  readonly ended: Promise<RunEnd>;
  startedAt: string | undefined;
  readonly #log: ContainerLog;
  readonly #now: () => number;
  readonly #started = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<RunEnd>();
  #stopping = false;
  #over = false;
  #acknowledging = false;

  constructor(message: Assignment, holder: AssignmentHolder, log: ContainerLog, now: () => number = Date.now) {
    this.message = message;
    this.holder = holder;
    this.#log = log;
    this.#now = now;
    this.started = this.#started.promise;
    this.ended = this.#ended.promise;
  }

  get over(): boolean {
    return this.#over;
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  /** Output of this run that is stored. */
  get stored(): StreamOffsets {
    return this.#log.stored;
  }

  /** Asks the agent to terminate the program. The end arrives as usual. */
  stop(): void {
    this.#stopping = true;
    if (!this.#over) this.holder.send({ type: 'stop', ...this.#reference() });
  }

  /** @throws ProtocolError when the output has a gap */
  output(frame: OutputFrame): void {
    if (this.#over) return;
    const nanoseconds = '000000';
    const time = new Date(this.#now()).toISOString().replace('Z', `${nanoseconds}Z`);
    this.#log.append(frame.stream, frame.offset, frame.bytes, time).then(
      () => this.#acknowledge(),
      // Not stored, so not acknowledged: the agent keeps it. The log says why when the run ends.
      () => undefined,
    );
  }

  state(state: ContainerState): void {
    if (this.#over) return;
    if (state.phase === 'running') this.#run(state.startedAt);
    if (state.phase === 'exited') void this.#exit(state);
  }

  /** The agent is gone for good. */
  lose(message: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#started.resolve();
    this.#ended.resolve({ phase: 'lost', message });
  }

  #run(startedAt: string): void {
    this.startedAt ??= startedAt;
    this.#started.resolve();
  }

  async #exit(state: ExitedState): Promise<void> {
    this.#over = true;
    if (state.startedAt) this.#run(state.startedAt);
    // The frames before this state are accepted; they must be in the file before anybody reads "terminated".
    await this.#log.flush().catch(() => undefined);
    this.#started.resolve();
    this.#ended.resolve(state);
    this.settle();
  }

  /** Tells the agent that the exit is recorded. */
  settle(): void {
    this.holder.send({ type: 'settled', ...this.#reference() });
  }

  #acknowledge(): void {
    if (this.#acknowledging || this.#over) return;
    this.#acknowledging = true;
    // One acknowledgement for all that is stored in this turn.
    setImmediate(() => {
      this.#acknowledging = false;
      if (!this.#over) this.holder.send({ type: 'ack', ...this.#reference(), stored: this.#log.stored });
    });
  }

  #reference(): { assignment: string; epoch: number } {
    return { assignment: this.message.assignment, epoch: this.message.epoch };
  }
}
