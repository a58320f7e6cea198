import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A website of our own that carries the script tag, on another origin than the gateway, as a real site would be. */
export interface AgentPage extends AsyncDisposable {
  readonly url: string;
}

/** Serves the page on loopback. @param gateway such as `http://127.0.0.1:8080` */
export async function serveAgentPage(gateway: string, key: string): Promise<AgentPage> {
  const html = page(gateway, key);
  const server = createServer((request, response) => {
    if (request.url !== '/') response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }).end(html);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    // `localhost` and `127.0.0.1` are different sites to a browser.
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function page(gateway: string, key: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>wigeon agent page</title>
<style>body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem }</style>
<h1>This page lends its browser</h1>
<p>It carries one script tag. While it is open, pods of your local Kubernetes run here, in workers of their own.</p>
<pre>&lt;script src="${gateway}/agent.js" data-key="${key}"&gt;&lt;/script&gt;</pre>
<script src="${gateway}/agent.js" data-key="${key}"></script>
</html>
`;
}
