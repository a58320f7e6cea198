import { OciError } from '../error.ts';
import type { Fetch } from '../transport/fetch.ts';
import { readLimited } from '../transport/read-limited.ts';
import { basicAuthorization, type Credential, credentialKey } from './credential.ts';

export interface TokenRequest {
  readonly realm: URL;
  readonly service: string | undefined;
  /** Such as `repository:library/alpine:pull`; sorted by the caller or not, the key is the same. */
  readonly scopes: readonly string[];
  readonly credential: Credential | undefined;
}

interface CachedToken {
  readonly token: Promise<string>;
  expires: number;
}

const TIMEOUT = 30_000;
const BODY_LIMIT = 1024 * 1024;
// The protocol's default, and what is taken off so that a token does not end on its way.
const DEFAULT_LIFETIME = 60;
const SKEW = 10;
const CACHE_LIMIT = 1000;

/** Gets bearer tokens (distribution's token protocol), each (realm, service, scope, credential) once while it is valid. */
export class TokenSource {
  readonly #fetch: Fetch;
  readonly #now: () => number;
  readonly #tokens = new Map<string, CachedToken>();

  constructor(options: { fetch: Fetch; now: () => number }) {
    this.#fetch = options.fetch;
    this.#now = options.now;
  }

  /** A valid token; concurrent callers share one request, and one caller's abort does not end it for the others. */
  async get(request: TokenRequest, signal: AbortSignal | undefined): Promise<string> {
    signal?.throwIfAborted();
    const key = keyOf(request);
    let cached = this.#tokens.get(key);
    if (!cached || cached.expires <= this.#now()) {
      cached = { token: Promise.resolve(''), expires: Number.POSITIVE_INFINITY };
      const entry = cached;
      const token = this.#request(request).then(
        ({ token, lifetime }) => {
          entry.expires = this.#now() + Math.max(0, lifetime - SKEW) * 1000;
          return token;
        },
        (error: unknown) => {
          if (this.#tokens.get(key) === entry) this.#tokens.delete(key);
          throw error;
        },
      );
      token.catch(() => {});
      cached = Object.assign(entry, { token });
      this.#tokens.set(key, cached);
      if (this.#tokens.size > CACHE_LIMIT) this.#tokens.delete(this.#tokens.keys().next().value!);
    }
    return signal ? abortable(cached.token, signal) : cached.token;
  }

  /** Forgets a token that the registry refused. */
  forget(request: TokenRequest): void {
    this.#tokens.delete(keyOf(request));
  }

  async #request(request: TokenRequest): Promise<{ token: string; lifetime: number }> {
    const { realm, credential } = request;
    const response = await this.#send(request).catch((cause: unknown) => {
      throw new OciError('token_failed', `the token server ${realm.host} cannot be reached`, {
        cause,
        retryable: true,
      });
    });
    const body = await readLimited(response, BODY_LIMIT, `the answer of the token server ${realm.host}`);
    if (!response.ok) {
      const refused = response.status === 401 || response.status === 403 || response.status === 400;
      throw new OciError(
        refused ? 'unauthorized' : 'token_failed',
        `the token server ${realm.host} answered ${response.status}${credential ? ' to the credentials' : ' to an anonymous request'}`,
        { status: response.status, retryable: response.status >= 500 || response.status === 429 },
      );
    }
    let answer: { token?: unknown; access_token?: unknown; expires_in?: unknown } | null;
    try {
      answer = JSON.parse(new TextDecoder().decode(body));
    } catch (cause) {
      throw new OciError('token_failed', `the token server ${realm.host} did not answer with JSON`, { cause });
    }
    const token = answer?.token || answer?.access_token;
    if (typeof token !== 'string') {
      throw new OciError('token_failed', `the token server ${realm.host} answered without a token`);
    }
    const lifetime =
      typeof answer?.expires_in === 'number' && answer.expires_in > 0 ? answer.expires_in : DEFAULT_LIFETIME;
    return { token, lifetime };
  }

  #send({ realm, service, scopes, credential }: TokenRequest): Promise<Response> {
    const signal = AbortSignal.timeout(TIMEOUT);
    if (credential?.kind === 'identity') {
      const form = new URLSearchParams({
        grant_type: 'refresh_token',
        refresh_token: credential.identityToken,
        client_id: 'wigeon',
        ...(service === undefined ? {} : { service }),
        ...(scopes.length > 0 ? { scope: scopes.join(' ') } : {}),
      });
      return this.#fetch(realm, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
        body: form.toString(),
        signal,
      });
    }
    const url = new URL(realm);
    if (service !== undefined) url.searchParams.set('service', service);
    for (const scope of scopes) url.searchParams.append('scope', scope);
    return this.#fetch(url, {
      method: 'GET',
      headers: {
        accept: 'application/json',
        ...(credential?.kind === 'basic'
          ? { authorization: basicAuthorization(credential.username, credential.password) }
          : {}),
      },
      signal,
    });
  }
}

function keyOf({ realm, service, scopes, credential }: TokenRequest): string {
  return JSON.stringify([realm.href, service ?? null, [...scopes].sort(), credentialKey(credential)]);
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
