import type { Credential } from '../auth/credential.ts';
import type { CreateHasher } from '../digest.ts';
import type { Reference } from '../reference.ts';
import { endpointsOf, type Hosts } from '../transport/hosts.ts';
import { Transport, type TransportOptions } from '../transport/transport.ts';
import { Repository } from './repository.ts';

export interface RegistryClientOptions extends TransportOptions {
  readonly createHasher: CreateHasher;
  readonly hosts?: Hosts;
  /** For mirrors, by HOST or HOST:PORT; the registry's own credential is never sent to them. */
  readonly mirrorCredential?: (host: string) => Credential | undefined;
}

/** Shares tokens and what was learnt about registries between repositories. Platform-neutral; see `createRegistryClient`. */
export class RegistryClient {
  readonly #options: RegistryClientOptions;
  readonly #transport: Transport;

  constructor(options: RegistryClientOptions) {
    this.#options = options;
    this.#transport = new Transport(options);
  }

  /** @param credential anonymous if left out */
  repository(
    { registry, repository }: Pick<Reference, 'registry' | 'repository'>,
    credential?: Credential,
  ): Repository {
    const { createHasher, hosts = {}, mirrorCredential } = this.#options;
    return new Repository({
      transport: this.#transport,
      createHasher,
      repository,
      endpoints: endpointsOf(registry, hosts),
      credentialFor: (endpoint) =>
        endpoint.namespace === undefined ? credential : mirrorCredential?.(endpoint.base.host),
    });
  }
}
