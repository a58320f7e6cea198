import { Readable } from 'node:stream';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { RegistryClient, type RegistryClientOptions } from '../client/registry-client.ts';
import { apiHost } from '../reference.ts';
import type { Fetch } from '../transport/fetch.ts';
import { createNodeHasher } from './create-hasher.ts';

export interface NodeRegistryClientOptions extends Omit<RegistryClientOptions, 'fetch' | 'createHasher'> {
  /** Longest silence of a registry, in milliseconds; default 60,000. */
  readonly idleTimeout?: number;
  /** Where `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` are read; default `process.env`. Loopback is never proxied. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** A client that keeps connections open until it is disposed. */
export interface NodeRegistryClient extends RegistryClient, AsyncDisposable {}

/**
 * A registry client on Node: undici connections with the system's or a host's own certificate authorities, and the
 * proxies of the environment.
 *
 * ```ts
 * await using client = createRegistryClient({ hosts: { 'localhost:5000': { plainHttp: true } } });
 * const { registry, repository, tag = 'latest' } = parseReference('localhost:5000/hello:1');
 * const image = await client.repository({ registry, repository }).manifest(tag);
 * ```
 */
export function createRegistryClient(options: NodeRegistryClientOptions = {}): NodeRegistryClient {
  const { hosts = {}, idleTimeout = 60_000, environment = process.env } = options;
  const standard = dispatcher({ idleTimeout, environment, ca: undefined });
  const special = new Map<string, Dispatcher>();
  for (const [registry, { ca }] of Object.entries(hosts)) {
    if (ca !== undefined) special.set(apiHost(registry), dispatcher({ idleTimeout, environment, ca }));
  }
  const client = new RegistryClient({
    ...options,
    createHasher: createNodeHasher,
    fetch: undiciFetch((url) => special.get(url.host) ?? standard),
  });
  return Object.assign(client, {
    async [Symbol.asyncDispose]() {
      await Promise.all([standard, ...special.values()].map((each) => each.destroy()));
    },
  });
}

/** `fetch` by undici's `request`: its own `fetch` copies every chunk, which a pull feels in time and memory. */
function undiciFetch(choose: (url: URL) => Dispatcher): Fetch {
  return async (url, { method, headers, body, signal }) => {
    const answer = await choose(url).request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: method as Dispatcher.HttpMethod,
      headers: { 'user-agent': 'wigeon', ...headers },
      // Its types do not know that a web stream is an async iterable.
      body: body instanceof ReadableStream ? Readable.fromWeb(body as NodeReadableStream) : (body ?? null),
      ...(signal ? { signal } : {}),
    });
    const bodiless = method === 'HEAD' || answer.statusCode === 204 || answer.statusCode === 304;
    if (bodiless) await answer.body.dump();
    const responseHeaders = new Headers();
    for (const [name, value] of Object.entries(answer.headers)) {
      for (const each of typeof value === 'string' ? [value] : (value ?? [])) responseHeaders.append(name, each);
    }
    return new Response(bodiless ? null : streamOf(answer.body), {
      status: answer.statusCode,
      headers: responseHeaders,
    });
  };
}

/** A web stream that reads only when it is read, so that nothing is held but what is being used. */
function streamOf(body: Dispatcher.ResponseData['body']): ReadableStream<Uint8Array<ArrayBuffer>> {
  const chunks = body[Symbol.asyncIterator]();
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      // What is left of a short body is read, so that its connection can be used again; a long one is closed.
      cancel: () => body.dump({ limit: 64 * 1024 }),
    },
    { highWaterMark: 0 },
  );
}

function dispatcher({
  idleTimeout,
  environment,
  ca,
}: {
  idleTimeout: number;
  environment: Readonly<Record<string, string | undefined>>;
  ca: string | undefined;
}): Dispatcher {
  const shared = {
    headersTimeout: idleTimeout,
    bodyTimeout: idleTimeout,
    connect: { timeout: 10_000, ...(ca === undefined ? {} : { ca }) },
  };
  const httpProxy = environment.http_proxy ?? environment.HTTP_PROXY;
  const httpsProxy = environment.https_proxy ?? environment.HTTPS_PROXY;
  if (!httpProxy && !httpsProxy) return new Agent(shared);
  const noProxy = environment.no_proxy ?? environment.NO_PROXY ?? '';
  return new EnvHttpProxyAgent({
    ...shared,
    ...(ca === undefined ? {} : { requestTls: { ca } }),
    httpProxy: httpProxy ?? '',
    httpsProxy: httpsProxy ?? '',
    noProxy: [noProxy, 'localhost', '127.0.0.1', '[::1]', '::1'].filter((entry) => entry !== '').join(','),
  });
}
