import type {
  Assignment,
  CheckpointFrame,
  CheckpointMessage,
  ContainerState,
  ExitedState,
  NodeMessage,
  OutputFrame,
  StreamOffsets,
} from '@wigeon/protocol';
import type { CheckpointRecord, ContainerCheckpoints } from '../checkpoints/index.ts';
import type { ContainerLog } from '../logs/index.ts';

/**
 * How a container's run on one agent ended. `lost`: the agent went away and did not come back in time, or came back
 * without it. `moved`: it was suspended for good there, and its last checkpoint is stored.
 */
export type RunEnd =
  | ExitedState
  | { readonly phase: 'lost'; readonly message: string; readonly heardAt: number }
  | { readonly phase: 'moved'; readonly message: string; readonly heardAt: number };

/** What an assignment needs from whoever holds the agent's connection. */
export interface AssignmentHolder {
  readonly id: string;
  /** Milliseconds since the epoch when the agent was last heard of. */
  readonly heardAtTime: number;
  send(message: NodeMessage): void;
}

/** One container instance on one agent, from before it is sent until its end there. */
export class AssignedRun {
  readonly message: Assignment;
  readonly holder: AssignmentHolder;
  /** When the program began to run, or to run again; resolves also when it ended without ever running. */
  readonly started: Promise<void>;
  readonly ended: Promise<RunEnd>;
  startedAt: string | undefined;
  readonly #log: ContainerLog;
  readonly #checkpoints: ContainerCheckpoints | undefined;
  readonly #now: () => number;
  readonly #started = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<RunEnd>();
  #stopping = false;
  #moving: string | undefined;
  #over = false;
  #acknowledging = false;
  #checkpointing: Promise<unknown> = Promise.resolve();
  #taken = Promise.withResolvers<CheckpointRecord>();

  /** @param checkpoints where this container's checkpoints go; undefined for a program that cannot be suspended */
  constructor(
    message: Assignment,
    holder: AssignmentHolder,
    log: ContainerLog,
    checkpoints: ContainerCheckpoints | undefined = undefined,
    now: () => number = Date.now,
  ) {
    this.message = message;
    this.holder = holder;
    this.#log = log;
    this.#checkpoints = checkpoints;
    this.#now = now;
    this.started = this.#started.promise;
    this.ended = this.#ended.promise;
    this.#taken.promise.catch(() => undefined);
  }

  get over(): boolean {
    return this.#over;
  }

  get suspendable(): boolean {
    return this.#checkpoints !== undefined;
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

  /** Asks for a checkpoint now; resolves when one is stored. Rejects when the run ends first. */
  checkpoint(): Promise<CheckpointRecord> {
    if (!this.#over) this.holder.send({ type: 'checkpoint', ...this.#reference(), final: false });
    return this.#taken.promise;
  }

  /** Asks the agent to suspend the program for another agent. The end is `moved`, or whatever comes first. */
  move(why: string): void {
    this.#moving = why;
    if (!this.#over && this.#checkpoints) this.holder.send({ type: 'checkpoint', ...this.#reference(), final: true });
  }

  /** Says again what the agent may not have heard while it was away. */
  repeatRequests(): void {
    if (this.#stopping) this.stop();
    else if (this.#moving !== undefined) this.move(this.#moving);
  }

  /** @throws ProtocolError when the output has a gap */
  output(frame: OutputFrame): void {
    if (this.#over) return;
    const time = new Date(this.#now()).toISOString().replace('Z', '000000Z');
    this.#log.append(frame.stream, frame.offset, frame.bytes, time).then(
      () => this.#acknowledge(),
      // Not stored, so not acknowledged: the agent keeps it. The log says why when the run ends.
      () => undefined,
    );
  }

  /** @throws ProtocolError `too-large` */
  checkpointBytes(frame: CheckpointFrame): void {
    if (!this.#over) this.#checkpoints?.append(frame.epoch, frame.sequence, frame.bytes);
  }

  /**
   * A checkpoint is complete. It counts once its output before it and its bytes are on the disk.
   * @param failed told when the agent's bytes are wrong
   */
  checkpointTaken(message: CheckpointMessage, failed: (error: unknown) => void): void {
    const checkpoints = this.#checkpoints;
    if (this.#over || !checkpoints) return;
    const stored = this.#checkpointing.then(async () => {
      await this.#log.flush();
      if (this.#over) return;
      const record = await checkpoints.commit(message);
      this.#taken.resolve(record);
      this.#taken = Promise.withResolvers();
      this.#taken.promise.catch(() => undefined);
      this.holder.send({ type: 'checkpointed', ...this.#reference(), sequence: message.sequence });
      if (message.final)
        this.#end({ phase: 'moved', message: this.#moving ?? 'the agent gave it up', heardAt: this.#now() });
    });
    this.#checkpointing = stored.catch(() => undefined);
    stored.catch(failed);
  }

  state(state: ContainerState): void {
    if (this.#over) return;
    if (state.phase === 'running') this.#run(state.startedAt);
    if (state.phase === 'exited') void this.#exit(state);
  }

  /** The agent is gone for good. A checkpoint that has arrived still counts: an agent that leaves sends one last. */
  lose(message: string): void {
    const heardAt = this.holder.heardAtTime;
    void this.#checkpointing.then(() => {
      if (!this.#over) this.#end({ phase: 'lost', message, heardAt });
    });
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
    this.#end(state);
    this.holder.send({ type: 'settled', ...this.#reference() });
  }

  #end(end: RunEnd): void {
    this.#over = true;
    this.#started.resolve();
    this.#ended.resolve(end);
    this.#taken.reject(new Error(`the run ended (${end.phase})`));
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
