import type { Credential } from '../auth/credential.ts';
import type { CreateHasher } from '../digest.ts';
import { OciError } from '../error.ts';
import type { Capability, Endpoint } from '../transport/hosts.ts';
import type { Transport } from '../transport/transport.ts';

/** Everything that an operation on one repository needs. */
export interface Session {
  readonly transport: Transport;
  readonly createHasher: CreateHasher;
  readonly repository: string;
  /** Mirrors first, the registry last. */
  readonly endpoints: readonly Endpoint[];
  readonly credentialFor: (endpoint: Endpoint) => Credential | undefined;
}

export interface OperationOptions {
  readonly signal?: AbortSignal | undefined;
}

/** `v2/NAME/PATH` at an endpoint, with a mirror's `?ns=`. */
export function apiUrl(
  endpoint: Endpoint,
  repository: string,
  path: string,
  query: Readonly<Record<string, string>> = {},
): URL {
  const url = new URL(`v2/${repository}/${path}`, endpoint.base);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  if (endpoint.namespace !== undefined) url.searchParams.set('ns', endpoint.namespace);
  return url;
}

/** The registry itself: the only endpoint that is written to. */
export function origin(session: Session): Endpoint {
  return session.endpoints.at(-1)!;
}

export function pullScope(repository: string): string {
  return `repository:${repository}:pull`;
}

export function pushScope(repository: string): string {
  return `repository:${repository}:pull,push`;
}

/** Tries the endpoints that can do it, in order; whatever is wrong with a mirror, the next one is asked. */
export async function firstThatAnswers<T>(
  session: Session,
  capability: Capability,
  signal: AbortSignal | undefined,
  ask: (endpoint: Endpoint) => Promise<T>,
): Promise<T> {
  const able = session.endpoints.filter(({ capabilities }) => capabilities.includes(capability));
  for (const [at, endpoint] of able.entries()) {
    try {
      return await ask(endpoint);
    } catch (error) {
      signal?.throwIfAborted();
      if (at === able.length - 1 || !(error instanceof OciError)) throw error;
    }
  }
  throw new OciError('invalid_configuration', `no endpoint may ${capability} ${session.repository}`);
}
