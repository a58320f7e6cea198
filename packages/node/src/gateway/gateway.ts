import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import { WebSocketServer } from 'ws';
import { blobResponse } from '../images/index.ts';
import { type ConnectionOptions, maxPayload, serveConnection } from './connection.ts';
import type { Identities } from './identity.ts';

/** A file that agents load from the gateway: script, frame, workers. */
export interface AgentAsset {
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface GatewayOptions extends Omit<ConnectionOptions, 'acceptsKey'> {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly keys: readonly string[];
  /** By path, such as `/agent.js`. */
  readonly assets: ReadonlyMap<string, AgentAsset>;
  /** Where a blob's bytes are: `size` bytes from `offset` of a file. */
  readonly blob: (digest: string) => Promise<{ path: string; offset: number; size: number } | undefined>;
}

export interface Gateway extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
}

/** Opens the port for agents: their page and workers, blobs over HTTP, and the WebSocket at `/connect`. */
export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  const keys = new Set(options.keys);
  const server = createAdaptorServer({ fetch: routes(options).fetch }) as Server;
  const sockets = new WebSocketServer({ noServer: true, maxPayload, perMessageDeflate: false, clientTracking: true });
  server.on('upgrade', (request: IncomingMessage, socket, head) => {
    if (new URL(request.url ?? '/', 'http://gateway').pathname !== '/connect') {
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) =>
      serveConnection(webSocket, { ...options, acceptsKey: (key) => keys.has(key) }),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    host: options.host,
    port,
    async [Symbol.asyncDispose]() {
      // Not a goodbye: agents keep their containers and try again (1012: the service restarts).
      for (const client of sockets.clients) client.close(1012, 'the node restarts');
      const closed = new Promise((resolve) => server.close(resolve));
      for (const client of sockets.clients) client.terminate();
      server.closeAllConnections();
      await closed;
    },
  };
}

function routes({
  assets,
  blob,
  identities,
}: {
  assets: GatewayOptions['assets'];
  blob: GatewayOptions['blob'];
  identities: Identities;
}): Hono {
  const app = new Hono();
  app.get('/healthz', (context) => context.text('ok'));
  app.on(['GET', 'HEAD', 'OPTIONS'], '/blobs/:digest', (context) =>
    blobResponse(context.req.raw, context.req.param('digest'), {
      blob,
      allows: (token, digest) => identities.allowsBlob(token, digest),
    }),
  );
  app.get('*', (context) => {
    const asset = assets.get(context.req.path);
    if (!asset) return context.text('not found\n', 404);
    const { etag } = asset.headers;
    if (etag !== undefined && context.req.header('if-none-match') === etag)
      return context.body(null, 304, asset.headers);
    return context.body(asset.body as Uint8Array<ArrayBuffer>, 200, {
      'content-type': asset.contentType,
      ...asset.headers,
    });
  });
  return app;
}
