import { Agent, type Dispatcher, EnvHttpProxyAgent, fetch } from 'undici';
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

function undiciFetch(choose: (url: URL) => Dispatcher): Fetch {
  return async (url, { method, headers, body, signal }) => {
    const response = await fetch(url, {
      method,
      headers: { 'user-agent': 'wigeon', ...headers },
      redirect: 'manual',
      dispatcher: choose(url),
      ...(body === undefined ? {} : { body: body as Uint8Array<ArrayBuffer>, duplex: 'half' }),
      ...(signal ? { signal } : {}),
    });
    // undici's own types and the web's describe the same object.
    return response as unknown as Response;
  };
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
