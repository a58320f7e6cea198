import {
  type AgentMessage,
  encodeMessage,
  type Hello,
  type NodeMessage,
  type Offer,
  type Welcome,
} from '@wigeon/protocol';
import type { AssignedRun, AssignmentHolder } from './assignments.ts';

/** Something that carries messages to the agent; a WebSocket in production. */
export interface Link {
  send(data: string): void;
  close(code: number, reason: string): void;
}

/**
 * One agent, across its connections. It is `connected` or away; the runs it holds survive a short absence.
 */
export class AgentSession implements AssignmentHolder {
  readonly id: string;
  readonly runs: Map<string, AssignedRun> = new Map();
  agent: Hello['agent'];
  offer: Offer;
  /** When it was last heard: milliseconds of `performance.now()`, and of the wall clock. */
  heardAt: number;
  heardAtTime: number = Date.now();
  /** Being emptied: it keeps what it has until that has moved, and gets nothing new. */
  draining = false;
  #link: Link | undefined;

  constructor(id: string, hello: Pick<Hello, 'agent' | 'offer'>, now: number) {
    this.id = id;
    this.agent = hello.agent;
    this.offer = hello.offer;
    this.heardAt = now;
  }

  /** An agent that an earlier process knew and that is expected back. */
  static away(id: string, now: number): AgentSession {
    return new AgentSession(
      id,
      {
        agent: { engine: 'other', engineVersion: '', features: [] },
        offer: { cpuMillis: 0, memoryBytes: 0, containers: 0 },
      },
      now,
    );
  }

  get connected(): boolean {
    return this.#link !== undefined;
  }

  /** A name for people: what the agent calls itself, and its engine. */
  get description(): string {
    return `${this.agent.name ?? this.id} (${this.agent.engine} ${this.agent.engineVersion})`;
  }

  /** Whether this link is the one in use; an older one has nothing to say any more. */
  uses(link: Link): boolean {
    return this.#link === link;
  }

  attach(link: Link, hello: Hello, now: number): void {
    this.#link?.close(4000, 'the agent connected again');
    this.#link = link;
    this.agent = hello.agent;
    this.offer = hello.offer;
    this.heardAt = now;
  }

  /** The agent said something. */
  heard(): void {
    this.heardAt = performance.now();
    this.heardAtTime = Date.now();
  }

  detach(): void {
    this.#link = undefined;
  }

  send(message: NodeMessage): void {
    this.#link?.send(encodeMessage(message));
  }

  /**
   * Matches what the agent says it holds with what it should: unknown and older ones are left out of `keep`, ended ones
   * settle again, and runs it no longer has are lost.
   */
  reconcile(held: Hello['held']): Welcome['keep'] {
    const keep: Welcome['keep'][number][] = [];
    const present = new Set<string>();
    for (const { assignment, epoch } of held) {
      const run = this.runs.get(assignment);
      if (!run || run.message.epoch !== epoch || run.over) continue;
      present.add(assignment);
      keep.push({ assignment, epoch, stored: run.stored });
    }
    for (const [assignment, run] of this.runs) {
      if (present.has(assignment) || run.over) continue;
      run.lose(`agent ${this.description} came back without the container`);
    }
    return keep;
  }

  /** The run a message is about, if this agent holds it at this epoch. */
  find(message: { assignment: string; epoch: number }): AssignedRun | undefined {
    const run = this.runs.get(message.assignment);
    return run?.message.epoch === message.epoch ? run : undefined;
  }

  /** Handles a state; an exit of something unknown is settled, so that the agent forgets it. */
  state(message: Extract<AgentMessage, { type: 'state' }>): void {
    const run = this.find(message);
    if (run && !run.over) run.state(message.state);
    else if (message.state.phase === 'exited')
      this.send({ type: 'settled', assignment: message.assignment, epoch: message.epoch });
  }
}
