// A registry in memory on loopback whose every answer a test can replace. Real sockets, wrong on demand.
import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Descriptor, type Digest, mediaTypes } from '../src/index.ts';
import { authorize, type FakeAuth } from './fake-auth.ts';

export interface FakeRegistryOptions {
  readonly auth?: FakeAuth;
  /** Answer the 1.1 referrers API and `OCI-Subject`. */
  readonly referrers?: boolean;
  /** Announced on uploads. */
  readonly chunkMinimum?: number;
}

export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
}

/** Returns true if it answered (or will), false to let the registry answer. */
export type Interceptor = (request: RecordedRequest, response: ServerResponse) => boolean | Promise<boolean>;

export class FakeRegistry implements AsyncDisposable {
  readonly requests: RecordedRequest[] = [];
  readonly blobs: Map<string, Uint8Array> = new Map();
  readonly manifests: Map<string, { mediaType: string; bytes: Uint8Array }> = new Map();
  /** How often it was taken for a proxy (`CONNECT`); it refuses. */
  connects = 0;
  /** Body bytes of blobs sent. */
  blobBytes = 0;
  readonly #options: FakeRegistryOptions;
  readonly #server: Server;
  readonly #uploads = new Map<string, Buffer[]>();
  #interceptors: Interceptor[] = [];

  private constructor(server: Server, options: FakeRegistryOptions) {
    this.#server = server;
    this.#options = options;
  }

  static async start(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
    const server = createServer();
    const registry = new FakeRegistry(server, options);
    server.on('request', (request, response) => {
      registry.#serve(request, response).catch(() => response.destroy());
    });
    server.on('connect', (_, socket) => {
      registry.connects++;
      socket.end('HTTP/1.1 418 Refused\r\n\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return registry;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Every later request goes to the interceptor first, the newest before older ones. */
  intercept(interceptor: Interceptor): void {
    this.#interceptors.unshift(interceptor);
  }

  /** The first `times` requests that match. */
  interceptTimes(times: number, matches: (request: RecordedRequest) => boolean, answer: Interceptor): void {
    let left = times;
    this.intercept((request, response) => left > 0 && matches(request) && left-- > 0 && answer(request, response));
  }

  stopIntercepting(): void {
    this.#interceptors = [];
  }

  addBlob(
    bytes: Uint8Array,
    mediaType = 'application/octet-stream',
    algorithm: 'sha256' | 'sha512' = 'sha256',
  ): Descriptor {
    const digest = digestOf(bytes, algorithm);
    this.blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  }

  addManifest(repository: string, tag: string | undefined, manifest: object): Descriptor {
    const bytes = new TextEncoder().encode(JSON.stringify(manifest));
    const mediaType = (manifest as { mediaType?: string }).mediaType ?? mediaTypes.manifest;
    return this.addManifestBytes(repository, tag, bytes, mediaType);
  }

  addManifestBytes(repository: string, tag: string | undefined, bytes: Uint8Array, mediaType: string): Descriptor {
    const digest = digestOf(bytes);
    this.manifests.set(`${repository}@${digest}`, { mediaType, bytes });
    if (tag !== undefined) this.manifests.set(`${repository}@${tag}`, { mediaType, bytes });
    return { mediaType, digest, size: bytes.length };
  }

  /** Requests whose path contains the text. */
  seen(text: string, method?: string): RecordedRequest[] {
    return this.requests.filter(
      ({ path, method: used }) => path.includes(text) && (method === undefined || method === used),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', `http://${this.host}`);
    const recorded = {
      method: request.method ?? 'GET',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
    };
    this.requests.push(recorded);
    for (const interceptor of this.#interceptors) if (await interceptor(recorded, response)) return;
    if (this.#options.auth && (await authorize(this.#options.auth, this.host, recorded, request, response))) return;
    const match = /^\/v2\/(.+)\/(manifests|blobs\/uploads|blobs|tags|referrers)\/(.*)$/.exec(url.pathname);
    if (!match) return void response.writeHead(url.pathname === '/v2/' ? 200 : 404).end();
    const [, repository, kind, name] = match as unknown as [string, string, string, string];
    if (kind === 'manifests') return this.#manifest(request, response, repository, name);
    if (kind === 'blobs') return this.#blob(recorded, response, name);
    if (kind === 'blobs/uploads') return this.#upload(request, response, repository, name, url);
    if (kind === 'tags') return this.#tags(response, repository, url);
    return this.#referrers(response, repository, name, url);
  }

  async #manifest(request: IncomingMessage, response: ServerResponse, repository: string, name: string): Promise<void> {
    if (request.method === 'PUT') {
      const bytes = await body(request);
      const { digest } = this.addManifestBytes(
        repository,
        name.includes(':') ? undefined : name,
        bytes,
        request.headers['content-type'] ?? '',
      );
      const { subject } = JSON.parse(bytes.toString()) as { subject?: Descriptor };
      response.writeHead(201, {
        location: `/v2/${repository}/manifests/${digest}`,
        ...(this.#options.referrers && subject ? { 'oci-subject': subject.digest } : {}),
      });
      return void response.end();
    }
    if (request.method === 'DELETE') {
      return void response.writeHead(this.manifests.delete(`${repository}@${name}`) ? 202 : 404).end();
    }
    const found = this.manifests.get(`${repository}@${name}`);
    if (!found) return error(response, 404, 'MANIFEST_UNKNOWN');
    response.writeHead(200, {
      'content-type': found.mediaType,
      'content-length': found.bytes.length,
      'docker-content-digest': digestOf(found.bytes),
    });
    response.end(request.method === 'HEAD' ? undefined : found.bytes);
  }

  #blob(request: RecordedRequest, response: ServerResponse, name: string): void {
    const bytes = this.blobs.get(name);
    if (!bytes) {
      error(response, 404, 'BLOB_UNKNOWN');
      return;
    }
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (from >= bytes.length && from > 0) return void response.writeHead(416).end();
    const part = bytes.subarray(from);
    response.writeHead(from > 0 ? 206 : 200, {
      'content-type': 'application/octet-stream',
      'content-length': part.length,
      ...(from > 0 ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}),
    });
    if (request.method === 'HEAD') return void response.end();
    this.blobBytes += part.length;
    response.end(part);
  }

  async #upload(
    request: IncomingMessage,
    response: ServerResponse,
    repository: string,
    id: string,
    url: URL,
  ): Promise<void> {
    if (request.method === 'POST') {
      const mount = url.searchParams.get('mount');
      if (mount && this.blobs.has(mount)) return void response.writeHead(201).end();
      const fresh = randomUUID();
      this.#uploads.set(fresh, []);
      const { chunkMinimum } = this.#options;
      response.writeHead(202, {
        location: `/v2/${repository}/blobs/uploads/${fresh}?state=kept`,
        ...(chunkMinimum ? { 'oci-chunk-min-length': chunkMinimum } : {}),
      });
      return void response.end();
    }
    const parts = this.#uploads.get(id);
    if (!parts || url.searchParams.get('state') !== 'kept') return error(response, 404, 'BLOB_UPLOAD_UNKNOWN');
    const have = parts.reduce((total, part) => total + part.length, 0);
    const location = `/v2/${repository}/blobs/uploads/${id}?state=kept`;
    if (request.method === 'GET') {
      return void response.writeHead(204, { location, range: `0-${Math.max(0, have - 1)}` }).end();
    }
    const range = request.headers['content-range'];
    if (range && Number(range.split('-')[0]) !== have) return void response.writeHead(416, { location }).end();
    parts.push(await body(request));
    if (request.method === 'PATCH') return void response.writeHead(202, { location }).end();
    const digest = url.searchParams.get('digest') ?? '';
    const bytes = Buffer.concat(parts);
    if (digestOf(bytes, digest.startsWith('sha512') ? 'sha512' : 'sha256') !== digest)
      return error(response, 400, 'DIGEST_INVALID');
    this.blobs.set(digest, bytes);
    this.#uploads.delete(id);
    response.writeHead(201).end();
  }

  #tags(response: ServerResponse, repository: string, url: URL): void {
    const tags = [...this.manifests.keys()]
      .filter((key) => key.startsWith(`${repository}@`) && !key.includes('@sha'))
      .map((key) => key.slice(repository.length + 1))
      .sort();
    const last = url.searchParams.get('last') ?? '';
    const page = tags.filter((tag) => tag > last).slice(0, Number(url.searchParams.get('n') ?? 1000));
    const more = page.length > 0 && page.at(-1) !== tags.at(-1);
    response.writeHead(200, {
      'content-type': 'application/json',
      ...(more ? { link: `</v2/${repository}/tags/list?n=${page.length}&last=${page.at(-1)}>; rel="next"` } : {}),
    });
    response.end(JSON.stringify({ name: repository, tags: page }));
  }

  #referrers(response: ServerResponse, repository: string, digest: string, url: URL): void {
    if (!this.#options.referrers) {
      error(response, 404, 'NOT_FOUND');
      return;
    }
    const manifests = [...this.manifests]
      .filter(([key]) => key.startsWith(`${repository}@sha`))
      .flatMap(([, { bytes, mediaType }]) => {
        const manifest = JSON.parse(new TextDecoder().decode(bytes));
        if (manifest.subject?.digest !== digest) return [];
        const artifactType = manifest.artifactType ?? manifest.config?.mediaType;
        return [{ mediaType, digest: digestOf(bytes), size: bytes.length, artifactType }];
      });
    const last = Number(url.searchParams.get('from') ?? 0);
    // One per page, so that every listing walks pages.
    const more = last + 1 < manifests.length;
    response.writeHead(200, {
      'content-type': mediaTypes.index,
      ...(more ? { link: `</v2/${repository}/referrers/${digest}?from=${last + 1}>; rel="next"` } : {}),
    });
    response.end(
      JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: manifests.slice(last, last + 1) }),
    );
  }
}

export function digestOf(bytes: Uint8Array, algorithm: 'sha256' | 'sha512' = 'sha256'): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

function error(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ errors: [{ code, message: 'says the fake registry' }] }));
}

async function body(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
