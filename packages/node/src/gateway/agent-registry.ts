import { randomUUID } from 'node:crypto';
import type { AgentEngine, Assignment, Hello, Offer, Welcome } from '@wigeon/protocol';
import type { ContainerCheckpoints } from '../checkpoints/index.ts';
import type { Logger } from '../logger.ts';
import type { ContainerLog } from '../logs/index.ts';
import type { AgentsTotal, Placement } from '../placement/index.ts';
import { AgentSession, type Link } from './agent-session.ts';
import { AssignedRun } from './assignments.ts';

export interface RegistryOptions {
  readonly placement: Placement<AgentSession>;
  /** Milliseconds an agent may be silent or away before what it holds counts as lost. */
  readonly lease: number;
  readonly log: Logger;
  readonly onTotalChanged: (total: AgentsTotal) => void;
}

/** An agent as operators see it. */
export interface ConnectedAgent {
  readonly id: string;
  readonly name: string | undefined;
  readonly engine: AgentEngine;
  readonly engineVersion: string;
  readonly offer: Offer;
  readonly containers: number;
}

/** All agents: who is connected, who is away, and what each one runs. */
export class AgentRegistry {
  readonly #options: RegistryOptions;
  readonly #sessions = new Map<string, AgentSession>();
  readonly #sweeper: NodeJS.Timeout;

  constructor(options: RegistryOptions) {
    this.#options = options;
    // One timer for all: a silent agent is noticed within a second of its lease's end.
    this.#sweeper = setInterval(() => this.#sweep(), 1000).unref();
  }

  get sessions(): Iterable<AgentSession> {
    return this.#sessions.values();
  }

  connected(): ConnectedAgent[] {
    return [...this.#sessions.values()]
      .filter((session) => session.connected)
      .map(({ id, agent, offer, runs }) => ({
        id,
        name: agent.name,
        engine: agent.engine,
        engineVersion: agent.engineVersion,
        offer,
        containers: runs.size,
      }));
  }

  isDraining(id: string): boolean {
    return this.#sessions.get(id)?.draining ?? false;
  }

  /**
   * Takes a checkpoint of each run of the pod that can be suspended.
   * @returns how many were stored
   */
  async checkpoint(podUid: string): Promise<number> {
    const runs = [...this.#sessions.values()].flatMap((session) => [...session.runs.values()]);
    const taken = runs
      .filter((run) => run.message.pod.uid === podUid && run.suspendable && !run.over)
      .map((run) => run.checkpoint());
    return (await Promise.allSettled(taken)).filter(({ status }) => status === 'fulfilled').length;
  }

  /** An agent said hello. `id` is its identity if it proved one. */
  connect(link: Link, hello: Hello, id: string = randomUUID()): { session: AgentSession; keep: Welcome['keep'] } {
    const now = performance.now();
    let session = this.#sessions.get(id);
    if (!session) {
      session = new AgentSession(id, hello, now);
      this.#sessions.set(id, session);
    }
    session.attach(link, hello, now);
    const keep = session.reconcile(hello.held);
    return { session, keep };
  }

  /** The agent has been welcomed: from now on it can be given containers. */
  welcome(session: AgentSession): void {
    this.#options.log.info(
      { agent: session.id, engine: session.agent.engine, offer: session.offer },
      'agent connected',
    );
    // What the agent missed while it was away.
    for (const run of session.runs.values()) if (!run.over) run.repeatRequests();
    if (!session.draining) this.#options.placement.put(session);
    this.#changed();
  }

  offer(session: AgentSession, offer: Offer): void {
    session.offer = offer;
    if (!session.draining) this.#options.placement.put(session);
    this.#changed();
  }

  /**
   * The connection ended. With `leaving` the agent said goodbye and what it held is lost at once, otherwise it may come
   * back within the lease.
   */
  disconnect(session: AgentSession, link: Link, leaving: boolean): void {
    if (!session.uses(link)) return;
    session.detach();
    session.heardAt = performance.now();
    this.#options.placement.remove(session.id);
    this.#options.log.info({ agent: session.id, leaving, runs: session.runs.size }, 'agent disconnected');
    this.#changed();
    if (leaving || session.runs.size === 0) this.#forget(session, `agent ${session.description} left`);
  }

  /** Gives a container to an agent. The run is recorded before the agent hears of it, so no state can come too early. */
  assign(
    session: AgentSession,
    message: Assignment,
    log: ContainerLog,
    checkpoints?: ContainerCheckpoints,
  ): AssignedRun {
    const run = this.#hold(session, message, log, checkpoints);
    session.send(message);
    return run;
  }

  /**
   * Takes up a run of before this process started. Its agent has the lease, from now, to come back with it.
   */
  adopt(agentId: string, message: Assignment, log: ContainerLog, checkpoints?: ContainerCheckpoints): AssignedRun {
    let session = this.#sessions.get(agentId);
    if (!session) {
      session = AgentSession.away(agentId, performance.now());
      this.#sessions.set(agentId, session);
    }
    return this.#hold(session, message, log, checkpoints);
  }

  /**
   * Empties an agent: nothing new is placed there, and what can be suspended moves. Resolves when it holds nothing that
   * can move.
   * @returns how many containers have moved, and how many stay because they cannot be suspended
   */
  async drain(id: string): Promise<{ moved: number; staying: number } | undefined> {
    const session = this.#sessions.get(id);
    if (!session) return undefined;
    session.draining = true;
    this.#options.placement.remove(id);
    this.#changed();
    const runs = [...session.runs.values()];
    const movable = runs.filter((run) => run.suspendable && !run.over);
    for (const run of movable) run.move(`agent ${session.description} is drained`);
    const ends = await Promise.all(movable.map((run) => run.ended));
    return { moved: ends.filter(({ phase }) => phase === 'moved').length, staying: runs.length - movable.length };
  }

  /** Ends the timers. Runs stay as they are: the agents go on and reconnect. */
  close(): void {
    clearInterval(this.#sweeper);
  }

  #hold(
    session: AgentSession,
    message: Assignment,
    log: ContainerLog,
    checkpoints: ContainerCheckpoints | undefined,
  ): AssignedRun {
    const run = new AssignedRun(message, session, log, checkpoints);
    session.runs.set(message.assignment, run);
    void run.ended.finally(() => {
      if (session.runs.get(message.assignment) === run) session.runs.delete(message.assignment);
    });
    return run;
  }

  #sweep(): void {
    const now = performance.now();
    for (const session of this.#sessions.values()) {
      if (now - session.heardAt <= this.#options.lease) continue;
      this.#options.placement.remove(session.id);
      this.#forget(session, `agent ${session.description} was not heard of for ${this.#options.lease / 1000} s`);
      this.#changed();
    }
  }

  #forget(session: AgentSession, why: string): void {
    this.#sessions.delete(session.id);
    session.detach();
    for (const run of session.runs.values()) run.lose(why);
  }

  #changed(): void {
    this.#options.onTotalChanged(this.#options.placement.total());
  }
}
