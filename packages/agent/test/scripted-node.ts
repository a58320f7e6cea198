// The node's side of the conversation over a real HTTP server and a real WebSocket, led by the test.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type AgentMessage,
  type Assignment,
  decodeFrame,
  type ExitedState,
  encodeMessage,
  type Hello,
  type NodeMessage,
  type OutputFrame,
  parseAgentMessage,
  type StreamOffsets,
  type Welcome,
} from '@wigeon/protocol';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Blob, type ProgramName, program } from './programs.ts';

export interface Ended {
  readonly state: ExitedState;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

type Received = AgentMessage | ({ readonly type: 'output' } & OutputFrame);

/** One connection of an agent; what it sends waits here in order until the test takes it. */
export class Connection {
  readonly #socket: WebSocket;
  readonly #received: Received[] = [];
  #wake: (() => void) | undefined;
  #closed = false;
  hello!: Hello;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer, isBinary) => {
      this.#received.push(
        isBinary
          ? { type: 'output', ...(decodeFrame(new Uint8Array(data)) as OutputFrame) }
          : parseAgentMessage(data.toString()),
      );
      this.#wake?.();
    });
    socket.on('close', () => {
      this.#closed = true;
      this.#wake?.();
    });
  }

  /** The next message of any kind, heartbeats aside; undefined when the connection has closed. */
  async next(): Promise<Received | undefined> {
    for (;;) {
      const message = this.#received.shift();
      if (message && message.type !== 'heartbeat') return message;
      if (message) continue;
      if (this.#closed) return undefined;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** The next message, which must be of this type. */
  async expect<T extends Received['type']>(type: T): Promise<Extract<Received, { type: T }>> {
    const message = await this.next();
    if (message?.type !== type)
      throw new Error(`expected ${type}, got ${JSON.stringify(message ?? 'a closed socket')}`);
    return message as Extract<Received, { type: T }>;
  }

  send(message: NodeMessage): void {
    this.#socket.send(encodeMessage(message));
  }

  sendRaw(data: string | Uint8Array): void {
    this.#socket.send(data);
  }

  welcome(keep: Welcome['keep'] = [], lease: { heartbeatSeconds?: number; leaseSeconds?: number } = {}): void {
    this.send({
      type: 'welcome',
      version: 1,
      agent: 'agent-1',
      identity: 'identity-1',
      heartbeatSeconds: 10,
      leaseSeconds: 40,
      keep,
      ...lease,
    });
  }

  /** Cuts the connection without a closing handshake, as a lost network does. */
  cut(): void {
    this.#socket.terminate();
  }

  /** Reads until this container has exited, acknowledging everything; checks that offsets have no gap and no overlap. */
  async ended({ assignment, epoch }: Assignment, from: StreamOffsets = { stdout: 0, stderr: 0 }): Promise<Ended> {
    const at = { ...from };
    const parts: { stdout: Uint8Array[]; stderr: Uint8Array[] } = { stdout: [], stderr: [] };
    for (;;) {
      const message = await this.next();
      if (!message) throw new Error('the connection closed before the container exited');
      if (!('assignment' in message) || message.assignment !== assignment) continue;
      if (message.type === 'output') {
        if (message.offset !== at[message.stream]) {
          throw new Error(`${message.stream} goes on at ${message.offset} instead of ${at[message.stream]}`);
        }
        at[message.stream] += message.bytes.length;
        parts[message.stream].push(message.bytes);
        this.send({ type: 'ack', assignment, epoch, stored: { ...at } });
      } else if (message.type === 'state' && message.state.phase === 'exited') {
        this.send({ type: 'settled', assignment, epoch });
        return { state: message.state, stdout: Buffer.concat(parts.stdout), stderr: Buffer.concat(parts.stderr) };
      }
    }
  }
}

export type Asset = { readonly body: Uint8Array; readonly headers: Readonly<Record<string, string>> };

export class ScriptedNode implements AsyncDisposable {
  readonly url: string;
  /** Paths of the requests for blobs and files, in order. */
  readonly requests: string[] = [];
  readonly assets: Map<string, Asset> = new Map();
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  readonly #blobs = new Map<string, Uint8Array>();
  readonly #connections: Connection[] = [];
  #wake: (() => void) | undefined;
  #assignments = 0;

  private constructor(server: Server, host: string) {
    this.#server = server;
    this.url = `http://${host}:${(server.address() as AddressInfo).port}`;
    server.on('request', (request, response) => this.#respond(request, response));
    this.#sockets = new WebSocketServer({ server, path: '/connect' });
    this.#sockets.on('connection', (socket) => {
      this.#connections.push(new Connection(socket));
      this.#wake?.();
    });
  }

  static async start(host = '127.0.0.1'): Promise<ScriptedNode> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new ScriptedNode(server, host);
  }

  /** The next agent that connects, its hello read. */
  async accept(): Promise<Connection> {
    while (this.#connections.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    const connection = this.#connections.shift()!;
    connection.hello = await connection.expect('hello');
    return connection;
  }

  /** Offers bytes under a digest, theirs or not. */
  serve({ digest, bytes }: Blob): void {
    this.#blobs.set(digest, bytes);
  }

  /** An assignment that runs one of the test programs, served here. */
  async assignment(name: ProgramName, more: Partial<Assignment> = {}): Promise<Assignment> {
    const module = await program(name);
    this.serve(module);
    return this.assignmentOf(module, { argv: [name], ...more });
  }

  assignmentOf({ digest, bytes }: Blob, more: Partial<Assignment> = {}): Assignment {
    const number = ++this.#assignments;
    return {
      type: 'assign',
      assignment: `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`,
      epoch: 1,
      pod: { namespace: 'default', name: `pod-${number}`, uid: `uid-${number}` },
      container: 'main',
      module: { digest, size: bytes.length },
      token: 'blob token',
      argv: ['program'],
      env: [],
      ...more,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#sockets.close();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #respond(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', this.url);
    this.requests.push(url.pathname);
    const asset = this.assets.get(url.pathname);
    const blob = url.searchParams.get('token') === 'blob token' && this.#blobs.get(url.pathname.replace('/blobs/', ''));
    if (asset) response.writeHead(200, asset.headers).end(asset.body);
    else if (blob) response.writeHead(200, { 'content-type': 'application/wasm' }).end(blob);
    else response.writeHead(404).end();
  }
}
