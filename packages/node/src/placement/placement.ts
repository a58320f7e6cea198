import type { Offer } from '@wigeon/protocol';
import type { AgentsTotal } from './totals.ts';

/** What one container needs from an agent: its requests, in thousandths of a core and bytes. */
export interface Demand {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
}

/** An agent as placement sees it. */
export interface Candidate {
  readonly id: string;
  readonly offer: Offer;
}

/** A place on an agent, kept until it is released. Releasing twice does nothing. */
export interface Slot<A extends Candidate> {
  readonly agent: A;
  release(): void;
}

/** Why a container waits, in words for `kubectl get pod` and its events. */
export interface WaitingReason {
  readonly reason: 'NoAgents' | 'NoAgentFits';
  readonly message: string;
}

interface Load {
  cpuMillis: number;
  memoryBytes: number;
  containers: number;
}

interface Waiter<A extends Candidate> {
  readonly demand: Demand;
  readonly granted: (slot: Slot<A>) => void;
  readonly waiting: (why: WaitingReason) => void;
}

/**
 * Gives containers places on agents. What fits nowhere waits and is tried again on every change, in order of arrival,
 * but without blocking what comes behind it.
 */
export class Placement<A extends Candidate> {
  readonly #agents = new Map<string, A>();
  // By agent and not with the entry above: an agent that is away for a moment still carries what it runs.
  readonly #loads = new WeakMap<A, Load>();
  readonly #waiters = new Set<Waiter<A>>();

  /** An agent joined, or its offer changed. */
  put(agent: A): void {
    this.#agents.set(agent.id, agent);
    this.#retry();
  }

  /** An agent is not to be given anything more. Its slots stay valid until released. */
  remove(id: string): void {
    if (this.#agents.delete(id)) this.#retry();
  }

  total(): AgentsTotal {
    const total = { agents: this.#agents.size, cpuMillis: 0, memoryBytes: 0 };
    for (const agent of this.#agents.values()) {
      total.cpuMillis += agent.offer.cpuMillis;
      total.memoryBytes += agent.offer.memoryBytes;
    }
    return total;
  }

  /**
   * Resolves with a slot as soon as an agent has room.
   * @param waiting told at once, and whenever it changes, why there is none yet
   * @throws the signal's reason when it is aborted first
   */
  acquire(demand: Demand, signal: AbortSignal, waiting: (why: WaitingReason) => void): Promise<Slot<A>> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const abort = (): void => {
        this.#waiters.delete(waiter);
        reject(signal.reason);
      };
      const waiter: Waiter<A> = {
        demand,
        waiting,
        granted: (slot) => {
          signal.removeEventListener('abort', abort);
          resolve(slot);
        },
      };
      if (this.#grant(waiter)) return;
      this.#waiters.add(waiter);
      signal.addEventListener('abort', abort, { once: true });
      waiting(this.#whyNot(demand));
    });
  }

  /** Takes a place on this very agent, for a container that is already there. */
  adopt(agent: A, demand: Demand): Slot<A> {
    return this.#take(agent, demand);
  }

  #retry(): void {
    for (const waiter of this.#waiters) {
      if (this.#grant(waiter)) this.#waiters.delete(waiter);
      else waiter.waiting(this.#whyNot(waiter.demand));
    }
  }

  #grant(waiter: Waiter<A>): boolean {
    let best: A | undefined;
    let bestUse = Number.POSITIVE_INFINITY;
    for (const agent of this.#agents.values()) {
      const load = this.#load(agent);
      if (!fits(agent.offer, load, waiter.demand)) continue;
      const use = utilisation(agent.offer, load);
      if (use < bestUse) [best, bestUse] = [agent, use];
    }
    if (!best) return false;
    waiter.granted(this.#take(best, waiter.demand));
    return true;
  }

  #load(agent: A): Load {
    let load = this.#loads.get(agent);
    if (!load) {
      load = { cpuMillis: 0, memoryBytes: 0, containers: 0 };
      this.#loads.set(agent, load);
    }
    return load;
  }

  #take(agent: A, demand: Demand): Slot<A> {
    const load = this.#load(agent);
    load.cpuMillis += demand.cpuMillis;
    load.memoryBytes += demand.memoryBytes;
    load.containers++;
    let held = true;
    return {
      agent,
      release: () => {
        if (!held) return;
        held = false;
        load.cpuMillis -= demand.cpuMillis;
        load.memoryBytes -= demand.memoryBytes;
        load.containers--;
        this.#retry();
      },
    };
  }

  #whyNot(demand: Demand): WaitingReason {
    if (this.#agents.size === 0) {
      return {
        reason: 'NoAgents',
        message:
          'no agent is connected; the pod starts when a browser with the wigeon script, or a wigeon agent, connects',
      };
    }
    const needs = `${demand.cpuMillis}m CPU and ${Math.ceil(demand.memoryBytes / 2 ** 20)}Mi memory`;
    return {
      reason: 'NoAgentFits',
      message: `none of ${this.#agents.size} agents has ${needs} and a free place; the pod starts when one has`,
    };
  }
}

function fits(offer: Offer, load: Load, demand: Demand): boolean {
  return (
    load.containers < offer.containers &&
    (demand.cpuMillis === 0 || load.cpuMillis + demand.cpuMillis <= offer.cpuMillis) &&
    (demand.memoryBytes === 0 || load.memoryBytes + demand.memoryBytes <= offer.memoryBytes)
  );
}

/** How busy an agent is, 0 and up. Containers without requests use what there is, so each counts as a whole core. */
function utilisation(offer: Offer, load: Load): number {
  const cores = Math.max(offer.cpuMillis, 1) / 1000;
  return Math.max(load.cpuMillis / Math.max(offer.cpuMillis, 1), load.containers / cores);
}
