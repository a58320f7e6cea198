import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import type { Logger } from '../logger.ts';
import { type ContainerLogsOptions, containerLogs } from './container-logs.ts';
import { type OperationsOptions, operations } from './operations.ts';

export interface KubeletServerOptions extends ContainerLogsOptions, OperationsOptions {
  readonly host: string;
  readonly port: number;
  readonly certificate: string;
  readonly key: string;
  /** PEM of the CA whose client certificates are let in; the cluster's. */
  readonly clientCA: string;
  readonly log: Logger;
}

export interface KubeletServer extends AsyncDisposable {
  readonly port: number;
}

/** The kubelet's HTTPS port. Only bearers of a client certificate of the configured CA get an answer other than 401. */
export async function openKubeletServer(options: KubeletServerOptions): Promise<KubeletServer> {
  const app = kubeletRoutes(options);
  const listener = getRequestListener(app.fetch);
  const server: Server = createServer(
    {
      cert: options.certificate,
      key: options.key,
      ca: options.clientCA,
      requestCert: true,
      // A handshake that fails says nothing to the caller: let it through and answer 401.
      rejectUnauthorized: false,
      // Upgrades (exec, attach) do not exist in HTTP/2.
      ALPNProtocols: ['http/1.1'],
    },
    (request, response) => {
      if (!(request.socket as TLSSocket).authorized) {
        response.writeHead(401, { 'content-type': 'text/plain' }).end('Unauthorized\n');
        return;
      }
      void listener(request, response);
    },
  );
  // The kubelet's: idle 90 s; a followed log may last for hours.
  server.keepAliveTimeout = 90_000;
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function kubeletRoutes(options: KubeletServerOptions): Hono {
  const app = new Hono();
  app.get('/healthz', (context) => context.text('ok'));
  app.get('/containerLogs/:namespace/:pod/:container', (context) => {
    const { namespace, pod, container } = context.req.param();
    return containerLogs(
      { namespace, pod, container },
      new URL(context.req.url).searchParams,
      context.req.raw.signal,
      options,
    );
  });
  app.route('/wigeon', operations(options));
  app.onError((error, context) => {
    options.log.error({ err: error, path: context.req.path }, 'kubelet request failed');
    return context.text('internal error\n', 500);
  });
  return app;
}
