import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { Agent, type Dispatcher } from 'undici';
import { ApiError } from './api-error.ts';

export type PatchType = 'strategic-merge' | 'merge' | 'json';

export interface ApiRequest {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  /** Media type of a PATCH body. */
  readonly patch?: PatchType;
  readonly signal?: AbortSignal;
  /** Milliseconds until the request is given up; a watch has none. */
  readonly timeout?: number;
}

/** Talks to the API server: JSON in, JSON out, errors as {@link ApiError}. Authentication is client-node's. */
export interface ApiClient extends AsyncDisposable {
  readonly server: string;
  request<T>(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, options?: ApiRequest): Promise<T>;
  /** The body of a watch as it comes in. */
  stream(path: string, options?: ApiRequest): Promise<AsyncIterable<Uint8Array>>;
}

const DEFAULT_TIMEOUT = 15_000;
// Tokens on disk rotate and exec plugins expire: ask client-node for credentials anew after this many milliseconds.
const CREDENTIALS_TTL = 60_000;

/**
 * @param kubeconfig path of a kubeconfig file; undefined means the in-cluster ServiceAccount
 * @param address another server to talk to with the same credentials, such as a kubelet port
 */
export function createApiClient(kubeconfig: string | undefined, address?: string): ApiClient {
  const config = new KubeConfig();
  if (kubeconfig === undefined) config.loadFromCluster();
  else config.loadFromFile(kubeconfig);
  const server = config.getCurrentCluster()?.server;
  if (!server) throw new Error(`kubeconfig ${kubeconfig ?? '(in-cluster)'} names no API server in its current context`);
  return new Client(address ?? server, config);
}

interface Credential {
  readonly dispatcher: Agent;
  readonly headers: Record<string, string>;
  /** The TLS material, to tell whether it changed. */
  readonly tls: string;
}

class Client implements ApiClient {
  readonly server: string;
  readonly #config: KubeConfig;
  #credentials: Promise<Credential> | undefined;
  #credentialsAt = 0;

  constructor(server: string, config: KubeConfig) {
    this.server = server;
    this.#config = config;
  }

  async request<T>(method: Dispatcher.HttpMethod, path: string, options: ApiRequest = {}): Promise<T> {
    const timeout = AbortSignal.timeout(options.timeout ?? DEFAULT_TIMEOUT);
    const response = await this.#send(
      method,
      path,
      options,
      options.signal ? AbortSignal.any([options.signal, timeout]) : timeout,
    );
    return (await response.body.json()) as T;
  }

  async stream(path: string, options: ApiRequest = {}): Promise<AsyncIterable<Uint8Array>> {
    return (await this.#send('GET', path, options, options.signal)).body;
  }

  async #send(
    method: Dispatcher.HttpMethod,
    path: string,
    options: ApiRequest,
    signal: AbortSignal | undefined,
  ): Promise<Dispatcher.ResponseData> {
    const { dispatcher, headers } = await this.#credential();
    const url = new URL(this.server.replace(/\/$/, '') + path);
    for (const [name, value] of Object.entries(options.query ?? {}))
      if (value !== undefined) url.searchParams.set(name, String(value));
    let response: Dispatcher.ResponseData;
    try {
      response = await dispatcher.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method,
        headers: {
          ...headers,
          accept: 'application/json',
          ...(options.body === undefined ? {} : { 'content-type': contentType(options.patch) }),
        },
        body: options.body === undefined ? null : JSON.stringify(options.body),
        signal: signal ?? null,
        bodyTimeout: 0,
      });
    } catch (cause) {
      throw new ApiError(`${method} ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
        status: 0,
        reason: 'Unreachable',
        cause,
      });
    }
    if (response.statusCode < 300) return response;
    throw await toError(`${method} ${path}`, response);
  }

  #credential(): Promise<Credential> {
    if (!this.#credentials || Date.now() - this.#credentialsAt > CREDENTIALS_TTL) {
      this.#credentialsAt = Date.now();
      const previous = this.#credentials;
      this.#credentials = this.#loadCredential(previous);
      this.#credentials.catch(() => {
        this.#credentials = previous;
      });
    }
    return this.#credentials;
  }

  async #loadCredential(previous: Promise<Credential> | undefined): Promise<Credential> {
    const options: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(options);
    const { ca, cert, key, rejectUnauthorized, servername } = options;
    const tls = JSON.stringify([ca, cert, key, rejectUnauthorized, servername], (_name, value) =>
      Buffer.isBuffer(value) ? value.toString('base64') : value,
    );
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(options.headers ?? {})) headers[name] = String(value);
    if (options.auth) headers.authorization = `Basic ${Buffer.from(options.auth).toString('base64')}`;
    const old = await previous;
    if (old?.tls === tls) return { ...old, headers };
    const connect = Object.fromEntries(
      Object.entries({ ca, cert, key, rejectUnauthorized, servername, keepAlive: true }).filter(
        ([, value]) => value !== undefined,
      ),
    );
    return {
      dispatcher: new Agent({ connect, connections: 64, pipelining: 1, keepAliveTimeout: 60_000 }),
      headers,
      tls,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const credentials = await this.#credentials?.catch(() => undefined);
    await credentials?.dispatcher.destroy();
  }
}

function contentType(patch: PatchType | undefined): string {
  if (patch === undefined) return 'application/json';
  return patch === 'json' ? 'application/json-patch+json' : `application/${patch}-patch+json`;
}

async function toError(what: string, response: Dispatcher.ResponseData): Promise<ApiError> {
  const text = (await response.body.text().catch(() => '')).slice(0, 4096);
  const retryAfter = Number(response.headers['retry-after']);
  const details = {
    status: response.statusCode,
    reason: 'Unknown',
    retryAfterSeconds: Number.isFinite(retryAfter) ? retryAfter : undefined,
  };
  try {
    const status = JSON.parse(text) as { message?: string; reason?: string };
    return new ApiError(`${what}: ${status.message ?? text}`, { ...details, reason: status.reason ?? 'Unknown' });
  } catch {
    return new ApiError(`${what}: ${response.statusCode} ${text}`, details);
  }
}
