import type { AgentEngine, Assignment, Hello, Offer, Welcome } from '@wigeon/protocol';
import { limits, supportedVersions } from '@wigeon/protocol';
import { AgentError } from '../error.ts';
import { Container } from './container.ts';
import { GuestPool } from './guest-pool.ts';
import { Link, type NodeCommand } from './link.ts';
import { ModuleStore } from './module-store.ts';
import type { AgentRuntime } from './runtime.ts';
import type { AgentStatus } from './status.ts';

/** The same for an agent that is stopped in order, in milliseconds. */
const LEAVE_MS = 10_000;
/** Longest wait for last checkpoints before goodbye, in milliseconds: a page that closes is given little more. */
const HANDOVER_MS = 250;

export interface AgentOptions {
  /** Address of the node's gateway, http or https; a path is kept. */
  readonly gateway: string;
  /** The site's publishable key. */
  readonly key: string;
  /** Shown to operators; the node makes one up where there is none. */
  readonly name?: string;
  readonly engine: { readonly name: AgentEngine; readonly version: string; readonly features: readonly string[] };
  readonly offer: Offer;
  /** Ends the agent when it fires, as `stop` does. */
  readonly signal?: AbortSignal;
  /** Receives what an operator may want to read, one line a call. */
  readonly log?: (line: string) => void;
  readonly onStatus?: (status: AgentStatus) => void;
}

/**
 * An agent: lends its place to one node, runs what the node assigns, and keeps the results until the node has them.
 * Nothing happens before `start`.
 */
export class Agent implements AsyncDisposable {
  /** Settles at the first welcome; rejects with AgentError `refused` when the node does not want this agent. */
  readonly ready: Promise<void>;
  /** Settles when the agent has stopped; rejects as `ready` does. */
  readonly done: Promise<void>;
  readonly #options: AgentOptions;
  readonly #runtime: AgentRuntime;
  readonly #link: Link;
  readonly #guests: GuestPool;
  readonly #modules: ModuleStore;
  readonly #containers = new Map<string, Container>();
  readonly #stopped = new AbortController();
  readonly #settleReady = Promise.withResolvers<void>();
  readonly #settleDone = Promise.withResolvers<void>();
  #identity: string | undefined;
  #offer: Offer;
  #paused = false;
  #refusal: AgentError | undefined;

  /** @throws AgentError `bad-option` when `gateway` is not an http or https address */
  constructor(options: AgentOptions, runtime: AgentRuntime) {
    const { gateway, connect } = addresses(options.gateway);
    this.#options = options;
    this.#runtime = runtime;
    this.#offer = options.offer;
    this.ready = this.#settleReady.promise;
    this.done = this.#settleDone.promise;
    // Whoever looks at one of them must not be required to look at the other.
    this.ready.catch(() => {});
    this.done.catch(() => {});
    this.#guests = new GuestPool(runtime);
    const { fetch, clock } = runtime;
    this.#modules = new ModuleStore({ gateway, fetch, clock, signal: this.#stopped.signal });
    this.#link = new Link({
      url: connect,
      runtime,
      log: (line) => options.log?.(line),
      hello: () => this.#hello(),
      onWelcome: (welcome) => this.#onWelcome(welcome),
      onCommand: (command) => this.#onCommand(command),
      onState: () => this.#report(),
      onRefused: (error) => this.#end(error),
    });
  }

  get status(): AgentStatus {
    const containers = [...this.#containers.values()].filter((container) => !container.ended).length;
    if (this.#refusal) return { connection: 'refused', containers, message: this.#refusal.message };
    return { connection: this.#paused ? 'paused' : this.#link.state, containers };
  }

  /** Connects and gets ready to run containers. */
  start(): void {
    if (this.#stopped.signal.aborted) return;
    this.#options.signal?.addEventListener('abort', () => this.stop(), {
      once: true,
      signal: this.#stopped.signal,
    });
    if (this.#options.signal?.aborted) {
      this.stop();
      return;
    }
    this.#link.open();
    this.#guests.fill();
  }

  /** The page goes away (`closing`) or is put aside (`hidden`): leave the node, keep what runs in case the page comes back. */
  async suspend(reason: 'closing' | 'hidden', withinMs: number = HANDOVER_MS): Promise<void> {
    if (this.#stopped.signal.aborted || this.#paused) return;
    // What can be suspended is handed over; there is little time, so what is not ready goes on from its last checkpoint.
    const handover = Promise.all([...this.#containers.values()].map((container) => container.checkpoint(true)));
    const late = new Promise<void>((resolve) => this.#runtime.clock.after(withinMs, resolve));
    if (this.#containers.size > 0) await Promise.race([handover, late]);
    if (!this.#stopped.signal.aborted && !this.#paused) this.#link.close(reason);
  }

  /** The page may go away soon: a checkpoint of everything now, and everything goes on. */
  checkpoint(): void {
    for (const container of this.#containers.values()) void container.checkpoint(false);
  }

  /** The page is back, or the network is: connect now instead of at the end of a back-off. */
  wake(): void {
    if (!this.#stopped.signal.aborted && !this.#paused) this.#link.open();
  }

  /** The visitor wants the machine back: everything that runs is ended and the node told so. */
  pause(): void {
    if (this.#stopped.signal.aborted || this.#paused) return;
    this.#paused = true;
    this.#discardAll();
    this.#link.close('paused');
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.wake();
  }

  /** Changes what this agent lends; the node is told at once. */
  setOffer(offer: Offer): void {
    this.#offer = offer;
    this.#link.send({ type: 'offer', offer });
  }

  /** Leaves the node and ends every guest. */
  stop(): void {
    this.#end(undefined);
  }

  /** Hands over what can be suspended, then leaves. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.suspend('closing', LEAVE_MS);
    this.stop();
    await this.done.catch(() => {});
  }

  #hello(): Hello {
    const { key, name, engine } = this.#options;
    return {
      type: 'hello',
      versions: [...supportedVersions],
      key,
      ...(this.#identity === undefined ? {} : { identity: this.#identity }),
      agent: {
        ...(name === undefined ? {} : { name }),
        engine: engine.name,
        engineVersion: engine.version,
        features: [...engine.features],
      },
      offer: this.#offer,
      held: [...this.#containers.values()].map((container) => container.held),
    };
  }

  #onWelcome({ identity, keep }: Welcome): void {
    this.#identity = identity;
    const kept = new Map(keep.map((entry) => [entry.assignment, entry]));
    for (const [assignment, container] of this.#containers) {
      const entry = kept.get(assignment);
      if (entry?.epoch === container.epoch) container.resend(entry.stored);
      else this.#forget(assignment, container);
    }
    this.#report();
    this.#settleReady.resolve();
  }

  #onCommand(command: NodeCommand): void {
    if (command.type === 'assign') {
      this.#assign(command);
      return;
    }
    // Anything about an assignment we do not hold, or hold at another epoch, is late news.
    const container = this.#containers.get(command.assignment);
    if (container?.epoch !== command.epoch) return;
    switch (command.type) {
      case 'stop':
        container.stop();
        break;
      case 'checkpoint':
        void container.checkpoint(command.final);
        break;
      case 'checkpointed':
        if (container.checkpointed(command.sequence)) this.#forget(command.assignment, container);
        break;
      case 'ack':
        container.acknowledge(command.stored);
        break;
      case 'settled':
        this.#forget(command.assignment, container);
    }
    this.#report();
  }

  #assign(assignment: Assignment): void {
    const present = this.#containers.get(assignment.assignment);
    if (present) {
      if (present.epoch > assignment.epoch) return;
      if (present.epoch === assignment.epoch) {
        present.sendState();
        return;
      }
      this.#forget(assignment.assignment, present);
    }
    if (this.#containers.size >= limits.assignments) {
      this.#options.log?.(`assignment ${assignment.assignment} ignored: ${limits.assignments} are held already`);
      return;
    }
    const container = new Container({
      assignment,
      runtime: this.#runtime,
      modules: this.#modules,
      guests: this.#guests,
      connected: () => this.#link.state === 'connected',
      send: (data) => this.#link.send(data),
    });
    this.#containers.set(assignment.assignment, container);
    void container.start();
    this.#report();
  }

  #forget(assignment: string, container: Container): void {
    container.discard();
    this.#containers.delete(assignment);
  }

  #discardAll(): void {
    for (const [assignment, container] of this.#containers) this.#forget(assignment, container);
  }

  #end(refusal: AgentError | undefined): void {
    if (this.#stopped.signal.aborted) return;
    this.#stopped.abort();
    this.#refusal = refusal;
    this.#discardAll();
    this.#guests.close();
    if (refusal) {
      this.#settleReady.reject(refusal);
      this.#settleDone.reject(refusal);
      this.#options.log?.(refusal.message);
    } else {
      this.#link.close('stopped');
      this.#settleReady.reject(new AgentError('refused', 'the agent was stopped before a node welcomed it'));
      this.#settleDone.resolve();
    }
    this.#report();
  }

  #report(): void {
    this.#options.onStatus?.(this.status);
  }
}

function addresses(text: string): { gateway: string; connect: string } {
  const url = URL.parse(text);
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new AgentError('bad-option', `the gateway's address must begin with http:// or https://, not "${text}"`);
  }
  url.search = url.hash = '';
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  const gateway = url.href;
  return { gateway, connect: `${gateway.replace(/^http/, 'ws')}connect` };
}
