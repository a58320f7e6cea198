import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type AgentMessage,
  type Assignment,
  encodeFrame,
  encodeMessage,
  type Hello,
  type NodeMessage,
  parseNodeMessage,
} from '@wigeon/protocol';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { LogStore } from '../logs/index.ts';
import { type AgentsTotal, Placement } from '../placement/index.ts';
import { AgentRegistry } from './agent-registry.ts';
import type { AgentSession } from './agent-session.ts';
import { type Gateway, openGateway } from './gateway.ts';
import { openIdentities } from './identity.ts';

const log = pino({ level: 'silent' });
const digest = `sha256:${'a'.repeat(64)}`;
let directory: string;
let gateway: Gateway;
let registry: AgentRegistry;
let logs: LogStore;
let placement: Placement<AgentSession>;
let total: AgentsTotal;
let totalChanged: PromiseWithResolvers<void>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wigeon-gateway-'));
  placement = new Placement();
  totalChanged = Promise.withResolvers();
  registry = new AgentRegistry({
    placement,
    lease: 60_000,
    log,
    onTotalChanged: (changed) => {
      total = changed;
      totalChanged.resolve();
      totalChanged = Promise.withResolvers();
    },
  });
  logs = new LogStore(join(directory, 'logs'));
  gateway = await openGateway({
    host: '127.0.0.1',
    port: 0,
    keys: ['pk_good'],
    assets: new Map([
      ['/agent.js', { body: Buffer.from('//'), contentType: 'text/javascript', headers: { etag: '"1"' } }],
    ]),
    blob: async () => undefined,
    registry,
    identities: await openIdentities(join(directory, 'identity.key')),
    heartbeatSeconds: 5,
    leaseSeconds: 60,
    log,
  });
});
afterEach(async () => {
  await gateway[Symbol.asyncDispose]();
  registry.close();
  await logs[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const hello: Hello = {
  type: 'hello',
  versions: [1],
  key: 'pk_good',
  agent: { engine: 'other', engineVersion: '1', features: [] },
  offer: { cpuMillis: 1000, memoryBytes: 2 ** 30, containers: 4 },
  held: [],
};

/** An agent's side of one connection. */
class Peer {
  readonly socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/connect`);
  readonly #opened = new Promise((resolve) => this.socket.once('open', resolve));
  readonly closed = new Promise<number>((resolve) => this.socket.once('close', resolve));
  readonly #messages: NodeMessage[] = [];
  #wake = Promise.withResolvers<void>();

  constructor() {
    this.socket.on('message', (data: Buffer) => {
      this.#messages.push(parseNodeMessage(data.toString()));
      this.#wake.resolve();
      this.#wake = Promise.withResolvers();
    });
    this.socket.on('error', () => undefined);
  }

  async open(): Promise<this> {
    await this.#opened;
    return this;
  }

  say(message: AgentMessage): void {
    this.socket.send(encodeMessage(message));
  }

  /** The next message of this type; earlier ones of other types are passed over. */
  async next<T extends NodeMessage['type']>(type: T): Promise<Extract<NodeMessage, { type: T }>> {
    for (;;) {
      for (let message = this.#messages.shift(); message; message = this.#messages.shift()) {
        if (message.type === type) return message as Extract<NodeMessage, { type: T }>;
      }
      await this.#wake.promise;
    }
  }

  async greet(changes: Partial<Hello> = {}): Promise<Extract<NodeMessage, { type: 'welcome' }>> {
    await this.open();
    this.say({ ...hello, ...changes });
    return this.next('welcome');
  }
}

function session(id: string): AgentSession {
  const found = [...registry.sessions].find((known) => known.id === id);
  if (!found) throw new Error(`no session ${id}`);
  return found;
}

function assignment(epoch = 1): Assignment {
  return {
    type: 'assign',
    assignment: randomUUID(),
    epoch,
    pod: { namespace: 'default', name: 'p', uid: randomUUID() },
    container: 'c',
    module: { digest, size: 1 },
    token: 't',
    argv: ['p'],
    env: [],
  };
}

const logOf = (message: Assignment) =>
  logs.open({ namespace: 'default', pod: message.pod.name, uid: message.pod.uid, container: 'c', restart: 0 });
const exited = (code: number) =>
  ({ phase: 'exited', cause: 'exit', exitCode: code, finishedAt: new Date(0).toISOString() }) as const;

describe('an agent that connects', () => {
  it('is welcomed and counts into the total', async () => {
    const peer = new Peer();
    const welcome = await peer.greet();
    expect(welcome).toMatchObject({ version: 1, keep: [], heartbeatSeconds: 5 });
    expect(total).toEqual({ agents: 1, cpuMillis: 1000, memoryBytes: 2 ** 30 });
    const left = totalChanged.promise;
    peer.say({ type: 'goodbye', reason: 'closing' });
    await left;
    expect(total.agents).toBe(0);
  });

  it('keeps its identity when it comes back with the token', async () => {
    const first = await new Peer().greet();
    const second = await new Peer().greet({ identity: first.identity });
    expect(second.agent).toBe(first.agent);
    const forged = await new Peer().greet({ identity: `${first.identity}x` });
    expect(forged.agent).not.toBe(first.agent);
  });

  it('is refused for good with an unknown key, and with an unknown version', async () => {
    for (const [changes, code] of [
      [{ key: 'pk_bad' }, 'unauthorized'],
      [{ versions: [99] }, 'unsupported-version'],
    ] as const) {
      const peer = await new Peer().open();
      peer.say({ ...hello, ...changes, versions: [...(changes.versions ?? [1])] });
      expect(await peer.next('error')).toMatchObject({ code, retry: false });
      await peer.closed;
    }
  });
});

describe('what a peer does wrong ends its connection only', () => {
  it.each<[string, (peer: Peer) => void, number]>([
    ['garbage text', (peer) => peer.socket.send('garbage'), 1008],
    ['garbage bytes', (peer) => peer.socket.send(Buffer.from([9, 9, 9])), 1008],
    ['a message of the node', (peer) => peer.socket.send('{"type":"heartbeat","x":1}'), 1008],
    ['a second hello', (peer) => peer.say(hello), 1008],
    ['an oversized message', (peer) => peer.socket.send('x'.repeat(5 * 2 ** 20)), 1009],
    ['an oversized frame', (peer) => peer.socket.send(Buffer.alloc(2 ** 20, 1)), 1009],
  ])('%s', async (_what, act, code) => {
    const good = new Peer();
    await good.greet();
    const bad = new Peer();
    await bad.greet();
    act(bad);
    expect(await bad.closed).toBe(code);
    good.say({ type: 'heartbeat' });
    await good.next('heartbeat');
  });

  it('a message before hello', async () => {
    const peer = await new Peer().open();
    peer.say({ type: 'heartbeat' });
    expect(await peer.next('error')).toMatchObject({ code: 'out-of-protocol' });
    expect(await peer.closed).toBe(1008);
  });
});

describe('a run', () => {
  it('stores output, acknowledges it, and settles the exit', async () => {
    const peer = new Peer();
    const { agent } = await peer.greet();
    const message = assignment();
    const containerLog = await logOf(message);
    const run = registry.assign(session(agent), message, containerLog);
    expect(await peer.next('assign')).toEqual(message);
    peer.socket.send(
      encodeFrame({
        kind: 'output',
        assignment: message.assignment,
        epoch: 1,
        stream: 'stdout',
        offset: 0,
        bytes: Buffer.from('hi\n'),
      }),
    );
    peer.say({ type: 'state', assignment: message.assignment, epoch: 1, state: exited(7) });
    expect(await run.ended).toMatchObject({ phase: 'exited', exitCode: 7 });
    expect(containerLog.stored).toEqual({ stdout: 3, stderr: 0 });
    await peer.next('settled');
  });

  it('that ends before anybody waits for it is not lost', async () => {
    const peer = new Peer();
    const { agent } = await peer.greet();
    // The agent answers from within the arrival of the assignment, as one with a cached module and an instant program.
    peer.socket.on('message', (data: Buffer) => {
      const message = parseNodeMessage(data.toString());
      if (message.type === 'assign')
        peer.say({ type: 'state', assignment: message.assignment, epoch: 1, state: exited(3) });
    });
    const message = assignment();
    const run = registry.assign(session(agent), message, await logOf(message));
    await peer.next('settled');
    expect(await run.ended).toMatchObject({ exitCode: 3 });
  });

  it('does not hear an older epoch or another agent', async () => {
    const [peer, thief] = [new Peer(), new Peer()];
    const { agent } = await peer.greet();
    await thief.greet();
    const message = assignment(2);
    const containerLog = await logOf(message);
    const run = registry.assign(session(agent), message, containerLog);
    const reference = { assignment: message.assignment };
    peer.socket.send(
      encodeFrame({ kind: 'output', ...reference, epoch: 1, stream: 'stdout', offset: 0, bytes: Buffer.from('old') }),
    );
    peer.say({ type: 'state', ...reference, epoch: 1, state: exited(1) });
    await peer.next('settled');
    thief.socket.send(
      encodeFrame({ kind: 'output', ...reference, epoch: 2, stream: 'stdout', offset: 0, bytes: Buffer.from('evil') }),
    );
    thief.say({ type: 'state', ...reference, epoch: 2, state: exited(2) });
    await thief.next('settled');
    peer.say({ type: 'state', ...reference, epoch: 2, state: exited(0) });
    expect(await run.ended).toMatchObject({ exitCode: 0 });
    expect(containerLog.stored.stdout).toBe(0);
  });

  it('goes on after a reconnection, from the stored offsets', async () => {
    const first = new Peer();
    const { agent, identity } = await first.greet();
    const message = assignment();
    const containerLog = await logOf(message);
    const run = registry.assign(session(agent), message, containerLog);
    const reference = { assignment: message.assignment, epoch: 1 };
    first.socket.send(
      encodeFrame({ kind: 'output', ...reference, stream: 'stdout', offset: 0, bytes: Buffer.from('abc') }),
    );
    await first.next('ack');
    first.socket.terminate();
    const second = new Peer();
    const welcome = await second.greet({
      identity,
      held: [
        {
          ...reference,
          state: { phase: 'running', startedAt: new Date(0).toISOString() },
          produced: { stdout: 6, stderr: 0 },
        },
      ],
    });
    expect(welcome.keep).toEqual([{ ...reference, stored: { stdout: 3, stderr: 0 } }]);
    second.socket.send(
      encodeFrame({ kind: 'output', ...reference, stream: 'stdout', offset: 3, bytes: Buffer.from('def') }),
    );
    second.say({ type: 'state', ...reference, state: exited(0) });
    await run.ended;
    expect(containerLog.stored.stdout).toBe(6);
  });

  it('is lost when the agent says goodbye, or comes back without it', async () => {
    const first = new Peer();
    const { agent, identity } = await first.greet();
    const forgotten = assignment();
    const forgottenRun = registry.assign(session(agent), forgotten, await logOf(forgotten));
    const second = new Peer();
    await second.greet({ identity });
    expect(await forgottenRun.ended).toMatchObject({ phase: 'lost' });
    const left = assignment();
    const leftRun = registry.assign(session(agent), left, await logOf(left));
    second.say({ type: 'goodbye', reason: 'closing' });
    expect(await leftRun.ended).toMatchObject({ phase: 'lost' });
  });
});

describe('HTTP', () => {
  it('serves assets, with 304 for what the browser has, and guards blobs', async () => {
    const base = `http://127.0.0.1:${gateway.port}`;
    expect((await fetch(`${base}/agent.js`)).headers.get('content-type')).toBe('text/javascript');
    expect((await fetch(`${base}/agent.js`, { headers: { 'if-none-match': '"1"' } })).status).toBe(304);
    expect((await fetch(`${base}/nothing`)).status).toBe(404);
    expect((await fetch(`${base}/blobs/${digest}`)).status).toBe(403);
    expect((await fetch(`${base}/blobs/${digest}?token=forged`)).status).toBe(403);
  });
});

describe('many agents', () => {
  it('a thousand join at once and all are welcomed', async () => {
    const peers = Array.from({ length: 1000 }, () => new Peer());
    const welcomes = await Promise.all(peers.map((peer) => peer.greet()));
    expect(new Set(welcomes.map(({ agent }) => agent)).size).toBe(1000);
    expect(total).toEqual({ agents: 1000, cpuMillis: 1_000_000, memoryBytes: 1000 * 2 ** 30 });
    for (const peer of peers) peer.socket.terminate();
  });
});
