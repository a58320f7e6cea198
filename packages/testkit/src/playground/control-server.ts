// Lends one playground to other processes: vitest's main process holds it, the test processes use it.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { Playground } from '@wigeon/playground';
import { encodeFrame, FRAME } from './frames.ts';

/** What a playground consists of that JSON can carry. */
export type PlaygroundFacts = Pick<
  Playground,
  'server' | 'kubeconfig' | 'certificateAuthority' | 'node' | 'kubeletClient' | 'registry' | 'directory'
>;

export interface ControlServer extends AsyncDisposable {
  /** Address for `connectPlayground`. Whoever knows it controls the playground. */
  readonly url: string;
}

/**
 * Serves the playground that `start` gives, on loopback; `start` is called at the first use, once. Disposing also
 * disposes the playground.
 */
export async function servePlayground(start: () => Promise<Playground>): Promise<ControlServer> {
  let playground: Promise<Playground> | undefined;
  const secret = `/${randomUUID()}/`;
  const server = createServer(async (request, response) => {
    try {
      if (!request.url?.startsWith(secret)) throw new Error(`no such address: ${request.url}`);
      await answer(await (playground ??= start()), request.url.slice(secret.length), request, response);
    } catch (error) {
      if (!response.headersSent) response.writeHead(500);
      response.end(JSON.stringify({ message: error instanceof Error ? error.message : String(error) }));
    }
  });
  // The first call may wait for minutes, while the playground's programs are built.
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${secret}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await (await playground?.catch(() => undefined))?.[Symbol.asyncDispose]();
    },
  };
}

async function answer(
  playground: Playground,
  action: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  switch (action) {
    case 'facts': {
      const { server, kubeconfig, certificateAuthority, node, kubeletClient, registry, directory } = playground;
      const facts: PlaygroundFacts = {
        ...{ server, kubeconfig, certificateAuthority, node, kubeletClient, registry, directory },
      };
      response.end(JSON.stringify(facts));
      return;
    }
    case 'node-credentials':
      response.end(
        JSON.stringify(await playground.createNodeCredentials((await json(request)) as { nodeName: string })),
      );
      return;
    case 'kubectl':
      await kubectl(playground, request, response);
      return;
    default:
      throw new Error(`no such action: ${action}`);
  }
}

/** Runs kubectl with the request's body as its input; a client that goes away ends it. */
async function kubectl(playground: Playground, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const args = JSON.parse(Buffer.from(String(request.headers['x-arguments']), 'base64').toString()) as string[];
  await using process = playground.kubectlStream(args);
  response.on('close', () => void process[Symbol.asyncDispose]());
  response.flushHeaders();
  request.pipe(process.stdin);
  const forward = async (kind: number, stream: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of stream) {
      if (!response.write(encodeFrame(kind, chunk)) && !response.destroyed)
        await Promise.race([once(response, 'drain'), once(response, 'close')]);
    }
  };
  await Promise.all([forward(FRAME.stdout, process.stdout), forward(FRAME.stderr, process.stderr)]);
  response.end(encodeFrame(FRAME.code, Buffer.from(String(await process.code))));
}
