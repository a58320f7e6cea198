// Serves pages, bundles and the files of calls to the engines, on loopback.
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Bundle, bundleForPage } from './bundle.ts';

export type CallFiles = Readonly<Record<string, Uint8Array | string>>;

export class EngineServer {
  readonly #server: Server;
  readonly #bundles = new Map<string, Bundle>();
  readonly #files = new Map<string, CallFiles>();

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request, response) => void this.#answer(request, response));
    // The process may end while the server listens.
    server.unref();
  }

  static async start(): Promise<EngineServer> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new EngineServer(server);
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  pageUrl(isolated: boolean): string {
    return `${this.origin}/${isolated ? 'isolated' : 'plain'}`;
  }

  scriptUrl(bundle: Bundle): string {
    this.#bundles.set(bundle.id, bundle);
    return `${this.origin}/bundles/${bundle.id}`;
  }

  /** Serves `files` below the returned address until `withdraw`. */
  offerFiles(call: string, files: CallFiles): string {
    this.#files.set(call, files);
    return `${this.origin}/files/${call}/`;
  }

  withdraw(call: string): void {
    this.#files.delete(call);
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const [, kind, id = '', name = ''] = (request.url ?? '').split('/');
      // A worker of an isolated page needs COEP on its own script as well (HTML, "run a worker").
      response.setHeader('cross-origin-embedder-policy', 'require-corp');
      response.setHeader('cross-origin-resource-policy', 'same-origin');
      if (kind === 'isolated' || kind === 'plain') {
        if (kind === 'isolated') response.setHeader('cross-origin-opener-policy', 'same-origin');
        else response.removeHeader('cross-origin-embedder-policy');
        response.setHeader('content-type', 'text/html; charset=utf-8');
        const page = this.scriptUrl(await bundleForPage());
        response.end(
          `<!doctype html><title>engine</title><link rel="icon" href="data:,"><script type="module" src="${page}"></script>`,
        );
        return;
      }
      const bundle = kind === 'bundles' ? this.#bundles.get(id) : undefined;
      if (bundle) {
        response.setHeader('content-type', 'text/javascript; charset=utf-8');
        response.end(bundle.code);
        return;
      }
      const files = kind === 'files' ? this.#files.get(id) : undefined;
      const file =
        files && Object.hasOwn(files, decodeURIComponent(name)) ? files[decodeURIComponent(name)] : undefined;
      if (file === undefined) {
        response.writeHead(404).end();
        return;
      }
      response.setHeader('content-type', 'application/octet-stream');
      if (typeof file !== 'string') {
        response.end(file);
        return;
      }
      const stream = createReadStream(file);
      stream.on('error', () => response.destroy());
      stream.pipe(response);
    } catch {
      response.writeHead(500).end();
    }
  }
}
