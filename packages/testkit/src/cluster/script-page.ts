import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A site on another origin than the gateway that carries the script tag and no special header. */
export interface ScriptPage extends AsyncDisposable {
  readonly url: string;
}

export async function openScriptPage(gateway: string, key: string): Promise<ScriptPage> {
  // `ticks` shows whether the page's own timers go on while guests compute.
  const html = `<!doctype html><title>a site</title><script>var ticks = 0; setInterval(() => ticks++, 20)</script>
<script src="${gateway}/agent.js" data-key="${key}"></script>`;
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end(html);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
