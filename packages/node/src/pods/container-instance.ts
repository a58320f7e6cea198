import { randomUUID } from 'node:crypto';
import type { CheckpointChain, ContainerCheckpoints } from '../checkpoints/index.ts';
import type { Pod } from '../cluster/index.ts';
import type { AgentSession, AssignedRun, RunEnd } from '../gateway/index.ts';
import type { ContainerLog } from '../logs/index.ts';
import type { Demand, Slot, WaitingReason } from '../placement/index.ts';
import type { PodContext } from './context.ts';
import type { RunRecord } from './run-store.ts';

/** What an instance is made of; the module is what the agent gets, instrumented if it can be suspended. */
export interface InstanceSpec {
  readonly pod: Pod;
  readonly container: string;
  readonly restart: number;
  readonly demand: Demand;
  readonly module: { readonly digest: string; readonly size: number };
  readonly argv: readonly string[];
  readonly env: readonly string[];
  /** Undefined for a program that cannot, or is not to, be suspended. */
  readonly suspend: { readonly checkpointSeconds: number } | undefined;
}

/** Told what happens to an instance; the status and the Events of the pod are made from it. */
export interface InstanceListener {
  waiting(why: WaitingReason): void;
  assigned(containerID: string): void;
  started(startedAt: string, agent: string): void;
  migrated(from: string, to: string, downtime: number, redone: number): void;
}

/**
 * One instance of a container, on one agent after the other. It ends when its program does; when its agent does, it goes
 * on elsewhere from the newest checkpoint, or from the beginning with the output that is stored already left out.
 */
export class ContainerInstance {
  readonly #context: PodContext;
  readonly #spec: InstanceSpec;
  readonly #terminating: AbortSignal;
  readonly #listener: InstanceListener;
  readonly #assignment: string;
  readonly #checkpoints: ContainerCheckpoints | undefined;
  #epoch = 0;
  #startedAt: string | undefined;
  #run: AssignedRun | undefined;

  constructor(
    context: PodContext,
    spec: InstanceSpec,
    terminating: AbortSignal,
    listener: InstanceListener,
    record?: RunRecord,
  ) {
    this.#context = context;
    this.#spec = spec;
    this.#terminating = terminating;
    this.#listener = listener;
    this.#assignment = record?.message.assignment ?? randomUUID();
    this.#epoch = record?.message.epoch ?? 0;
    this.#startedAt = record?.startedAt;
    const key = { uid: spec.pod.metadata.uid, container: spec.container, restart: spec.restart };
    this.#checkpoints = spec.suspend ? context.checkpoints.of(key) : undefined;
  }

  get containerID(): string {
    return `wigeon://${this.#assignment}`;
  }

  /** When the program began, on its first agent. */
  get startedAt(): string | undefined {
    return this.#startedAt;
  }

  /** The program is to end now. Its end arrives through `run()`. */
  stop(): void {
    this.#run?.stop();
  }

  /** The agent cannot be reached and nothing is to wait for it any more. */
  abandon(message: string): void {
    this.#run?.lose(message);
  }

  /** @param record the run that an earlier process left, to be taken up */
  async run(record?: RunRecord): Promise<RunEnd> {
    const { pod, container, restart } = this.#spec;
    const { uid, namespace, name } = pod.metadata;
    const log = await this.#context.logs.open({ namespace, pod: name, uid, container, restart });
    try {
      let end = record ? await this.#adopt(record, log) : await this.#runOnNext(log, undefined);
      while (end.phase !== 'exited' && this.#checkpoints && !this.#terminating.aborted) {
        end = await this.#runOnNext(log, { ...end, from: this.#run?.holder as AgentSession });
      }
      return end;
    } finally {
      log.end();
      this.#context.runs.remove(uid, container);
      await this.#checkpoints?.clear();
    }
  }

  /** An agent that holds the run is expected back. */
  async #adopt(record: RunRecord, log: ContainerLog): Promise<RunEnd> {
    const run = this.#context.agents.adopt(record.agent, record.message, log, this.#checkpoints);
    this.#run = run;
    this.#listener.assigned(this.containerID);
    if (this.#startedAt !== undefined) this.#listener.started(this.#startedAt, run.holder.id);
    if (this.#terminating.aborted) run.stop();
    const slot = this.#context.placement.adopt(run.holder as AgentSession, this.#spec.demand);
    return run.ended.finally(() => slot.release());
  }

  async #runOnNext(
    log: ContainerLog,
    before: (Exclude<RunEnd, { phase: 'exited' }> & { from: AgentSession }) | undefined,
  ): Promise<RunEnd> {
    const { placement } = this.#context;
    let slot: Slot<AgentSession>;
    try {
      slot = await placement.acquire(this.#spec.demand, this.#terminating, (why) => this.#listener.waiting(why));
    } catch (error) {
      // The pod is being deleted while its program lies suspended: that is its end.
      if (before) return before;
      throw error;
    }
    try {
      const chain = before ? this.#checkpoints?.chain() : undefined;
      const run = await this.#assign(slot.agent, log, chain);
      if (this.#terminating.aborted) run.stop();
      await run.started;
      if (run.startedAt !== undefined) this.#begun(run.startedAt, slot.agent, before, chain);
      return await run.ended;
    } finally {
      slot.release();
    }
  }

  async #assign(agent: AgentSession, log: ContainerLog, chain: CheckpointChain | undefined): Promise<AssignedRun> {
    const { agents, identities, runs } = this.#context;
    const { pod, container, restart, module, argv, env, suspend } = this.#spec;
    const blobs = chain?.records.map(({ blob }) => blob) ?? [];
    const token = await identities.issueBlobs(agent.id, [module.digest, ...blobs.map(({ digest }) => digest)]);
    this.#epoch++;
    const message = {
      type: 'assign' as const,
      assignment: this.#assignment,
      epoch: this.#epoch,
      pod: { namespace: pod.metadata.namespace, name: pod.metadata.name, uid: pod.metadata.uid },
      container,
      module: { digest: module.digest, size: module.size },
      token,
      argv: [...argv],
      env: [...env],
      ...(suspend ? { suspend } : {}),
      ...(chain ? { resume: { checkpoints: blobs, streams: chain.last.streams, sequence: chain.last.sequence } } : {}),
    };
    const run = agents.assign(agent, message, log, this.#checkpoints);
    this.#run = run;
    runs.put(pod.metadata.uid, container, { restart, agent: agent.id, message, startedAt: this.#startedAt });
    this.#listener.assigned(this.containerID);
    return run;
  }

  #begun(
    startedAt: string,
    agent: AgentSession,
    before: (Exclude<RunEnd, { phase: 'exited' }> & { from: AgentSession }) | undefined,
    chain: CheckpointChain | undefined,
  ): void {
    const first = this.#startedAt === undefined;
    this.#startedAt ??= startedAt;
    if (first) this.#listener.started(this.#startedAt, agent.description);
    if (before) {
      const since = chain ? Date.parse(chain.last.takenAt) : Date.parse(this.#startedAt);
      const redone = before.phase === 'moved' ? 0 : Math.max(0, before.heardAt - since);
      this.#listener.migrated(
        before.from.description,
        agent.description,
        Math.max(0, Date.now() - before.heardAt),
        redone,
      );
    }
    const record = this.#context.runs.get(this.#spec.pod.metadata.uid, this.#spec.container);
    if (record)
      this.#context.runs.put(this.#spec.pod.metadata.uid, this.#spec.container, {
        ...record,
        startedAt: this.#startedAt,
      });
  }
}
