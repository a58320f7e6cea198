import { type Challenge, parseChallenges } from '../auth/challenge.ts';
import { basicAuthorization, type Credential } from '../auth/credential.ts';
import { checkRealm } from '../auth/realm-guard.ts';
import { type TokenRequest, TokenSource } from '../auth/token-source.ts';
import { OciError } from '../error.ts';
import type { Fetch, FetchInit } from './fetch.ts';
import { defaultRetryPolicy, isTransientStatus, parseRetryAfter, type RetryPolicy, retryDelay } from './retry.ts';
import { parseWarnings } from './warnings.ts';

export interface TransportOptions {
  readonly fetch: Fetch;
  /** Hosts (HOST or HOST:PORT) of token servers that credentials may go to although they are of another domain. */
  readonly allowedRealms?: readonly string[];
  /** Gets each text of a registry's `Warning` headers once. */
  readonly onWarning?: (text: string, registry: string) => void;
  readonly retry?: Partial<RetryPolicy>;
  readonly now?: () => number;
  /** In [0, 1). */
  readonly random?: () => number;
  readonly sleep?: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;
}

export interface RegistryRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Called anew for each attempt. A request whose body cannot be had twice gives `once`. */
  readonly body?: () => FetchInit['body'];
  readonly once?: boolean;
  /** `repository:NAME:pull,push` and the like. */
  readonly scopes: readonly string[];
  readonly credential: Credential | undefined;
  readonly signal: AbortSignal | undefined;
}

const REDIRECTS = 5;
const REMEMBERED = 1000;

/**
 * Speaks HTTP with registries: authorises, follows redirects without carrying credentials to another origin, and asks
 * again when the answer says "later". Statuses that are an answer come back as responses, 401 and 404 included.
 */
export class Transport {
  readonly #options: TransportOptions;
  readonly #retry: RetryPolicy;
  readonly #tokens: TokenSource;
  // How each origin wants to be authorised, so that later requests need no refused attempt.
  readonly #challenges = new Map<string, Challenge>();
  readonly #warned = new Set<string>();

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#retry = { ...defaultRetryPolicy, ...options.retry };
    this.#tokens = new TokenSource({ fetch: options.fetch, now: this.now });
  }

  readonly now = (): number => this.#options.now?.() ?? Date.now();

  /** @throws OciError `unreachable`, `realm_refused`, `redirect_refused`, `token_failed`, `unauthorized`; the signal's reason */
  async send(request: RegistryRequest): Promise<Response> {
    for (let attempt = 0; ; attempt++) {
      const last = request.once === true || attempt + 1 >= this.#retry.attempts;
      let wait = retryDelay(this.#retry, attempt, this.#options.random ?? Math.random);
      try {
        const response = await this.#authorised(request);
        this.#warn(response, request.url.host);
        if (last || !isTransientStatus(response.status)) return response;
        const asked = parseRetryAfter(response.headers.get('retry-after'), this.now());
        if (asked !== undefined && asked > this.#retry.longestRetryAfter) return response;
        wait = asked ?? wait;
        await response.body?.cancel();
      } catch (error) {
        request.signal?.throwIfAborted();
        if (last || !(error instanceof OciError) || error.code !== 'unreachable' || !error.retryable) throw error;
        if (isHopeless(error.cause)) throw error;
      }
      await this.sleep(wait, request.signal);
    }
  }

  async sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#options.sleep) return this.#options.sleep(milliseconds, signal);
    await new Promise<void>((resolve, reject) => {
      signal?.throwIfAborted();
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, milliseconds);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Delay before the n-th attempt to get the rest of a broken body. */
  resumeDelay(attempt: number): number {
    return retryDelay(this.#retry, attempt, this.#options.random ?? Math.random);
  }

  get attempts(): number {
    return this.#retry.attempts;
  }

  async #authorised(request: RegistryRequest): Promise<Response> {
    const { credential, signal } = request;
    if (credential?.kind === 'bearer') return this.#follow(request, `Bearer ${credential.token}`);
    const known = this.#challenges.get(request.url.origin);
    const remembered = known && this.#tokenRequest(known, request);
    const first = await this.#follow(request, known && (await this.#authorization(known, request)));
    if (first.status !== 401) return first;
    const challenges = parseChallenges(first.headers.get('www-authenticate') ?? '');
    const challenge =
      challenges.find(({ scheme }) => scheme === 'bearer') ?? challenges.find(({ scheme }) => scheme === 'basic');
    // Nothing we could do better: the answer stands.
    if (!challenge || (challenge.scheme === 'basic' && (!credential || known?.scheme === 'basic'))) return first;
    if (request.once && request.body) return first;
    await first.body?.cancel();
    if (remembered) this.#tokens.forget(remembered);
    const wanted = this.#tokenRequest(challenge, request);
    if (remembered && wanted) this.#tokens.forget(wanted);
    signal?.throwIfAborted();
    const second = await this.#follow(request, await this.#authorization(challenge, request));
    if (second.status !== 401) {
      if (this.#challenges.size >= REMEMBERED) this.#challenges.clear();
      this.#challenges.set(request.url.origin, withoutScope(challenge));
    }
    return second;
  }

  async #authorization(challenge: Challenge, request: RegistryRequest): Promise<string | undefined> {
    const { credential } = request;
    if (challenge.scheme === 'basic') {
      return credential?.kind === 'basic' ? basicAuthorization(credential.username, credential.password) : undefined;
    }
    const wanted = this.#tokenRequest(challenge, request);
    return wanted && `Bearer ${await this.#tokens.get(wanted, request.signal)}`;
  }

  #tokenRequest(challenge: Challenge, request: RegistryRequest): TokenRequest | undefined {
    const { realm, service, scope } = challenge.parameters;
    if (challenge.scheme !== 'bearer' || realm === undefined) return undefined;
    return {
      realm: checkRealm(realm, request.url, {
        credentials: request.credential !== undefined,
        allowed: this.#options.allowedRealms ?? [],
      }),
      service,
      scopes: mergeScopes([...request.scopes, ...(scope?.split(' ') ?? [])]),
      credential: request.credential,
    };
  }

  async #follow(request: RegistryRequest, authorization: string | undefined): Promise<Response> {
    let { url } = request;
    let authorized = authorization;
    for (let hops = 0; ; hops++) {
      const response = await this.#exchange(request, url, authorized);
      const location = response.headers.get('location');
      const { status } = response;
      const simple = request.method === 'GET' || request.method === 'HEAD';
      const redirect =
        status === 307 || status === 308 || (simple && (status === 301 || status === 302 || status === 303));
      if (!redirect || location === null) return response;
      await response.body?.cancel();
      const next = URL.parse(location, url);
      if (!next || !/^https?:$/.test(next.protocol)) throw refused(url, location, 'that is not an http(s) URL');
      if (next.protocol === 'http:' && url.protocol === 'https:') throw refused(url, location, 'it leaves https');
      if (hops >= REDIRECTS) throw refused(url, location, `more than ${REDIRECTS} redirects`);
      if (request.once) throw refused(url, location, 'the upload cannot be sent twice');
      // distribution-spec: never carry credentials across hosts. Once gone they do not come back.
      if (next.origin !== url.origin) authorized = undefined;
      url = next;
    }
  }

  async #exchange(request: RegistryRequest, url: URL, authorization: string | undefined): Promise<Response> {
    try {
      return await this.#options.fetch(url, {
        method: request.method,
        headers: {
          // A digest is of the bytes as stored: nothing between may compress them.
          'accept-encoding': 'identity',
          ...request.headers,
          ...(authorization === undefined ? {} : { authorization }),
        },
        ...(request.body ? { body: request.body() } : {}),
        ...(request.signal ? { signal: request.signal } : {}),
      });
    } catch (cause) {
      request.signal?.throwIfAborted();
      // What went wrong is what was to be sent: a blob that is copied and is not what it says.
      if (cause instanceof OciError) throw cause;
      throw new OciError('unreachable', `${url.host} cannot be reached: ${rootMessage(cause)}`, {
        cause,
        retryable: true,
      });
    }
  }

  #warn(response: Response, registry: string): void {
    for (const text of parseWarnings(response.headers.get('warning'))) {
      const key = `${registry} ${text}`;
      if (this.#warned.has(key)) continue;
      if (this.#warned.size < REMEMBERED) this.#warned.add(key);
      this.#options.onWarning?.(text, registry);
    }
  }
}

/** A refused connection or an unknown name will not be better in a second; who waits longer asks again. */
function isHopeless(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    const code = (at as { code?: unknown }).code;
    if (
      typeof code === 'string' &&
      /^(?:ECONNREFUSED|ENOTFOUND|ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(code)
    )
      return true;
  }
  return false;
}

function rootMessage(error: unknown): string {
  let message = String(error);
  for (let at = error; at instanceof Error; at = at.cause)
    message = at.message || (at as { code?: string }).code || message;
  return message;
}

function refused(from: URL, location: string, why: string): OciError {
  return new OciError(
    'redirect_refused',
    `${from.host} redirects to ${JSON.stringify(location.slice(0, 300))}: ${why}`,
  );
}

/** Scopes differ per request; only realm and service are worth remembering. */
function withoutScope({ scheme, parameters }: Challenge): Challenge {
  const { scope: _, error: __, ...rest } = parameters;
  return { scheme, parameters: rest };
}

/** One entry per resource, actions joined: `repository:a:pull` and `repository:a:pull,push` are one. */
function mergeScopes(scopes: readonly string[]): string[] {
  const actions = new Map<string, Set<string>>();
  for (const scope of scopes) {
    const colon = scope.lastIndexOf(':');
    if (colon < 0) continue;
    const resource = scope.slice(0, colon);
    const set = actions.get(resource) ?? new Set();
    for (const action of scope.slice(colon + 1).split(',')) set.add(action);
    actions.set(resource, set);
  }
  return [...actions].map(([resource, set]) => `${resource}:${[...set].sort().join(',')}`).sort();
}
