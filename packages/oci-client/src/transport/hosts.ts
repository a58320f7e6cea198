import { OciError } from '../error.ts';
import { apiHost } from '../reference.ts';

export type Capability = 'pull' | 'resolve' | 'push';

export interface Mirror {
  /** Such as `https://mirror.example:5000` or `https://mirror.example/prefix`; `/v2/…` is added. */
  readonly url: string;
  /** A mirror without `resolve` is asked for digests only. Default `pull` and `resolve`. */
  readonly capabilities?: readonly Capability[];
}

/** What is particular about one registry. */
export interface HostOptions {
  /** Tried in order before the registry itself. They get their own credentials, never the registry's. */
  readonly mirrors?: readonly Mirror[];
  /** Speak http to it. */
  readonly plainHttp?: boolean;
  /** PEM of the authorities that it is trusted by, instead of the system's. */
  readonly ca?: string;
}

/** Keys are registries as in names: `docker.io`, `registry.example:5000`. */
export type Hosts = Readonly<Record<string, HostOptions>>;

/** Where a registry's API is, one of several places. */
export interface Endpoint {
  /** With a final slash; `v2/…` is resolved against it. */
  readonly base: URL;
  readonly capabilities: readonly Capability[];
  /** The registry that a mirror stands for, sent as `?ns=`. */
  readonly namespace: string | undefined;
}

const EVERYTHING: readonly Capability[] = ['pull', 'resolve', 'push'];

/** Mirrors first, the registry last. @throws OciError `invalid_configuration` for a mirror that is not an http(s) URL */
export function endpointsOf(registry: string, hosts: Hosts): Endpoint[] {
  const { mirrors = [], plainHttp = false } = hosts[registry] ?? {};
  const own: Endpoint = {
    base: new URL(`${plainHttp ? 'http' : 'https'}://${apiHost(registry)}/`),
    capabilities: EVERYTHING,
    namespace: undefined,
  };
  return [...mirrors.map((mirror) => mirrorEndpoint(mirror, registry)), own];
}

function mirrorEndpoint({ url, capabilities = ['pull', 'resolve'] }: Mirror, registry: string): Endpoint {
  const base = URL.parse(url.endsWith('/') ? url : `${url}/`);
  if (!base || !/^https?:$/.test(base.protocol) || base.username || base.search) {
    throw new OciError(
      'invalid_configuration',
      `the mirror ${JSON.stringify(url)} of ${registry} is not an http(s) URL`,
    );
  }
  return { base, capabilities, namespace: registry };
}
