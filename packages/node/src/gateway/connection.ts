import {
  decodeFrame,
  encodeMessage,
  type Hello,
  limits,
  negotiateVersion,
  ProtocolError,
  parseAgentMessage,
} from '@wigeon/protocol';
import type { WebSocket } from 'ws';
import type { Logger } from '../logger.ts';
import type { AgentRegistry } from './agent-registry.ts';
import type { AgentSession, Link } from './agent-session.ts';
import type { Identities } from './identity.ts';

export interface ConnectionOptions {
  readonly registry: AgentRegistry;
  readonly identities: Identities;
  /** Whether agents with this publishable key are let in. */
  readonly acceptsKey: (key: string) => boolean;
  readonly heartbeatSeconds: number;
  readonly leaseSeconds: number;
  readonly log: Logger;
}

/** Milliseconds a new connection has for its hello. */
const HELLO_TIMEOUT = 10_000;

/** Serves one agent's WebSocket until it ends. Whatever the peer does wrong ends this connection and nothing else. */
export function serveConnection(socket: WebSocket, options: ConnectionOptions): void {
  const { registry, log } = options;
  let session: AgentSession | undefined;
  let leaving = false;
  // Messages are handled in order although the hello takes asynchronous work.
  let welcoming: Promise<void> | undefined;
  const link: Link = {
    send: (data) => {
      if (socket.readyState === socket.OPEN) socket.send(data);
    },
    close: (code, reason) => socket.close(code, reason),
  };
  const helloTimer = setTimeout(() => refuse(new ProtocolError('out-of-protocol', 'no hello in time')), HELLO_TIMEOUT);

  socket.on('message', (data: Buffer, isBinary: boolean) => {
    if (welcoming) void welcoming.then(() => receive(data, isBinary));
    else receive(data, isBinary);
  });
  socket.on('error', (error) => log.debug({ err: error }, 'agent connection failed'));
  socket.on('close', () => {
    clearTimeout(helloTimer);
    if (session) registry.disconnect(session, link, leaving);
  });

  function receive(data: Buffer, isBinary: boolean): void {
    if (socket.readyState !== socket.OPEN) return;
    try {
      if (session) handle(session, data, isBinary);
      else greet(data, isBinary);
    } catch (error) {
      refuse(error);
    }
  }

  function greet(data: Buffer, isBinary: boolean): void {
    if (isBinary) throw new ProtocolError('out-of-protocol', 'binary frame before hello');
    const message = parseAgentMessage(data.toString());
    if (message.type !== 'hello') throw new ProtocolError('out-of-protocol', `${message.type} before hello`);
    welcoming = welcome(message).then(
      () => {
        welcoming = undefined;
      },
      (error: unknown) => {
        welcoming = undefined;
        refuse(error);
      },
    );
  }

  async function welcome(hello: Hello): Promise<void> {
    const version = negotiateVersion(hello.versions);
    if (!options.acceptsKey(hello.key)) throw new ProtocolError('unauthorized', 'this key is not known here');
    const known = hello.identity === undefined ? undefined : await options.identities.verifyAgent(hello.identity);
    if (socket.readyState !== socket.OPEN) return;
    const connected = registry.connect(link, hello, known);
    const identity = await options.identities.issueAgent(connected.session.id);
    clearTimeout(helloTimer);
    if (socket.readyState !== socket.OPEN) {
      registry.disconnect(connected.session, link, false);
      return;
    }
    session = connected.session;
    session.send({
      type: 'welcome',
      version,
      agent: session.id,
      identity,
      heartbeatSeconds: options.heartbeatSeconds,
      leaseSeconds: options.leaseSeconds,
      keep: connected.keep,
    });
    registry.welcome(session);
  }

  function handle(from: AgentSession, data: Buffer, isBinary: boolean): void {
    if (!from.uses(link)) {
      // It was silent for longer than its lease and has been given up. Coming back, it learns what it still holds.
      socket.close(4001, 'the lease has run out');
      return;
    }
    from.heard();
    if (isBinary) {
      const frame = decodeFrame(data);
      if (frame.kind === 'output') from.find(frame)?.output(frame);
      else from.find(frame)?.checkpointBytes(frame);
      return;
    }
    const message = parseAgentMessage(data.toString());
    switch (message.type) {
      case 'hello':
        throw new ProtocolError('out-of-protocol', 'hello after hello');
      case 'heartbeat':
        from.send({ type: 'heartbeat' });
        break;
      case 'offer':
        registry.offer(from, message.offer);
        break;
      case 'state':
        from.state(message);
        break;
      case 'checkpoint':
        from.find(message)?.checkpointTaken(message, refuse);
        break;
      case 'goodbye':
        leaving = true;
        socket.close(1000, 'goodbye');
        break;
      default:
        message satisfies never;
    }
  }

  function refuse(error: unknown): void {
    const known = error instanceof ProtocolError ? error : undefined;
    if (known) log.info({ agent: session?.id, code: known.code }, known.message);
    else log.error({ err: error, agent: session?.id }, 'agent connection failed in the node');
    const code = known?.code ?? 'internal';
    // Coming back with the same key or version would end the same way.
    const retry = code !== 'unauthorized' && code !== 'unsupported-version';
    link.send(
      encodeMessage({ type: 'error', code, message: (known?.message ?? 'internal error').slice(0, 1024), retry }),
    );
    socket.close(code === 'too-large' ? 1009 : known ? 1008 : 1011, code);
  }
}

/** Longest WebSocket message taken in, in bytes; a longer one ends the connection before it is buffered. */
export const maxPayload: number = limits.controlLength * 4;
