import {
  type AgentMessage,
  encodeMessage,
  type Hello,
  type NodeMessage,
  ProtocolError,
  parseNodeMessage,
  supportedVersions,
  type Welcome,
} from '@wigeon/protocol';
import { AgentError } from '../error.ts';
import { backoffMs } from './backoff.ts';
import type { AgentRuntime } from './runtime.ts';
import type { LinkState } from './status.ts';

/** How long a connection may take from its opening to the node's welcome, in milliseconds. */
const WELCOME_MS = 15_000;
/** A connection that lasted this long counts as a success, and the back-off begins anew, in milliseconds. */
const STEADY_MS = 10_000;
/** Close code for our own end of a broken conversation; 4000–4999 are for applications (RFC 6455 section 7.4.2). */
const CLOSE_BROKEN = 4000;

/** Messages that reach the agent: greeting, heartbeat and error stay in the link. */
export type NodeCommand = Exclude<NodeMessage, Welcome | { type: 'heartbeat' } | { type: 'error' }>;

export interface LinkOptions {
  /** The gateway's `/connect` address, ws or wss. */
  readonly url: string;
  readonly runtime: AgentRuntime;
  readonly log: (line: string) => void;
  /** The greeting for a new connection. */
  readonly hello: () => Hello;
  readonly onWelcome: (welcome: Welcome) => void;
  readonly onCommand: (command: NodeCommand) => void;
  readonly onState: (state: LinkState) => void;
  /** The node does not want this agent; the link stays closed. */
  readonly onRefused: (error: AgentError) => void;
}

/**
 * The one WebSocket to the node: greets, keeps the heartbeat, notices silence, and comes back after a loss.
 * The node answers each heartbeat; one that says nothing for `leaseSeconds` has lost us or we it.
 */
export class Link {
  readonly #options: LinkOptions;
  #socket: WebSocket | undefined;
  #state: LinkState = 'closed';
  #failures = 0;
  #welcomedAt = 0;
  #lastHeard = 0;
  #cancelTimer: (() => void) | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Connects now: at the start, after `close`, or to cut a back-off short. */
  open(): void {
    if (this.#state === 'connecting' || this.#state === 'connected') return;
    this.#cancelTimer?.();
    this.#connect();
  }

  /** Sends if the node has welcomed this connection. */
  send(data: AgentMessage | Uint8Array<ArrayBuffer>): void {
    if (this.#state === 'connected') this.#socket?.send(data instanceof Uint8Array ? data : encodeMessage(data));
  }

  /** Says goodbye and stays away until `open`. */
  close(reason: Extract<AgentMessage, { type: 'goodbye' }>['reason']): void {
    this.send({ type: 'goodbye', reason });
    this.#drop(1000, reason);
    this.#cancelTimer?.();
    this.#failures = 0;
    this.#setState('closed');
  }

  #connect(): void {
    const { url, runtime } = this.#options;
    this.#setState('connecting');
    let socket: WebSocket;
    try {
      socket = runtime.connect(url);
    } catch (error) {
      this.#lost(`cannot connect: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    this.#cancelTimer = runtime.clock.after(WELCOME_MS, () => this.#lost(`no welcome within ${WELCOME_MS / 1000} s`));
    socket.onopen = () => socket.send(encodeMessage(this.#options.hello()));
    socket.onmessage = ({ data }: MessageEvent<unknown>) => this.#onData(data);
    socket.onclose = ({ code, reason }: CloseEvent) => this.#lost(`closed (${code}${reason ? ` ${reason}` : ''})`);
    // An `error` event carries nothing and is always followed by `close`; without a listener some hosts report it.
    socket.onerror = () => {};
  }

  #onData(data: unknown): void {
    this.#lastHeard = this.#options.runtime.clock.now();
    let message: NodeMessage;
    try {
      if (typeof data !== 'string') throw new ProtocolError('out-of-protocol', 'binary frame from the node');
      message = parseNodeMessage(data);
      if (this.#state !== 'connected' && message.type !== 'welcome' && message.type !== 'error') {
        throw new ProtocolError('out-of-protocol', `${message.type} before welcome`);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#lost(`the node broke the protocol (${error.code}): ${error.message}`);
      return;
    }
    switch (message.type) {
      case 'welcome':
        this.#onWelcome(message);
        return;
      case 'heartbeat':
        return;
      case 'error':
        if (message.retry) this.#lost(`the node ended the connection (${message.code}): ${message.message}`);
        else this.#refuse(message.code, message.message);
        return;
      default:
        this.#options.onCommand(message);
    }
  }

  #onWelcome(welcome: Welcome): void {
    if (this.#state === 'connected') {
      this.#lost('the node broke the protocol: a second welcome');
      return;
    }
    if (!supportedVersions.includes(welcome.version)) {
      this.#refuse('unsupported-version', `the node chose protocol version ${welcome.version}, which this agent lacks`);
      return;
    }
    this.#cancelTimer?.();
    this.#welcomedAt = this.#options.runtime.clock.now();
    this.#scheduleHeartbeat(welcome.heartbeatSeconds * 1000, welcome.leaseSeconds * 1000);
    this.#setState('connected');
    this.#options.onWelcome(welcome);
  }

  #scheduleHeartbeat(everyMs: number, leaseMs: number): void {
    const { clock } = this.#options.runtime;
    this.#cancelTimer = clock.after(everyMs, () => {
      // A page that was frozen wakes up here too: its lease is over, whatever its socket believes.
      const silentMs = clock.now() - this.#lastHeard;
      if (silentMs > leaseMs) {
        this.#lost(`nothing heard for ${Math.round(silentMs / 1000)} s`);
        return;
      }
      this.send({ type: 'heartbeat' });
      this.#scheduleHeartbeat(everyMs, leaseMs);
    });
  }

  #refuse(code: string, message: string): void {
    this.#drop(CLOSE_BROKEN, code);
    this.#cancelTimer?.();
    this.#setState('closed');
    this.#options.onRefused(new AgentError('refused', `the node refused this agent (${code}): ${message}`));
  }

  #lost(reason: string): void {
    const { clock, random } = this.#options.runtime;
    const steady = this.#state === 'connected' && clock.now() - this.#welcomedAt >= STEADY_MS;
    if (steady) this.#failures = 0;
    this.#drop(CLOSE_BROKEN, 'lost');
    this.#cancelTimer?.();
    const delay = backoffMs(this.#failures++, random);
    this.#options.log(`connection lost: ${reason}; next attempt in ${(delay / 1000).toFixed(1)} s`);
    this.#setState('waiting');
    this.#cancelTimer = clock.after(delay, () => this.#connect());
  }

  /** Lets go of the socket without waiting for the other side, which may be gone. */
  #drop(code: number, reason: string): void {
    const socket = this.#socket;
    this.#socket = undefined;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(code, reason);
  }

  #setState(state: LinkState): void {
    this.#state = state;
    this.#options.onState(state);
  }
}
