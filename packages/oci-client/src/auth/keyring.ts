import { OciError } from '../error.ts';
import { apiHost, type Reference } from '../reference.ts';
import type { Credential } from './credential.ts';

/** One entry of a docker config, made ready for matching. */
interface KeyringEntry {
  /** host[:port] + path, as in the config. */
  readonly key: string;
  readonly host: string;
  readonly port: string;
  readonly path: string;
  readonly credential: Credential;
}

const DEFAULT_KEY = 'index.docker.io';

/**
 * The text of a Secret of type `kubernetes.io/dockerconfigjson`, or with `bare` of `kubernetes.io/dockercfg`.
 *
 * @throws OciError `invalid_credentials` for what is not JSON; entries without a credential are left out
 */
export function parseDockerConfig(text: string, options: { readonly bare?: boolean } = {}): Keyring {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The parser's message would quote the secret.
    throw new OciError('invalid_credentials', 'the docker config is not JSON');
  }
  const auths = options.bare ? json : isObject(json) ? json.auths : undefined;
  const entries = Object.entries(isObject(auths) ? auths : {}).flatMap(([location, value]) => {
    const credential = isObject(value) ? readCredential(value) : undefined;
    const place = parseLocation(location);
    return credential && place ? [{ ...place, credential }] : [];
  });
  return new Keyring(entries);
}

/** Finds credentials for images by the kubelet's rules (its credentialprovider keyring). */
export class Keyring {
  readonly #entries: readonly KeyringEntry[];

  constructor(entries: readonly KeyringEntry[] = []) {
    // Descending, so that longer paths come before shorter ones; stable for equal keys of several secrets.
    this.#entries = entries.toSorted((a, b) => (a.key < b.key ? 1 : a.key > b.key ? -1 : 0));
  }

  /** Several keyrings, the first ones' credentials first. */
  static lookup(keyrings: readonly Keyring[], reference: Reference): Credential[] {
    const seen = new Set<string>();
    return keyrings
      .flatMap((keyring) => keyring.candidates(reference))
      .filter((credential) => {
        const key = JSON.stringify(credential);
        return !seen.has(key) && seen.add(key);
      });
  }

  /**
   * Every credential that matches, best first; all are to be tried, since one of them may have been rotated. The host
   * matches part by part with globs, the port exactly, the path as a plain prefix. Docker Hub's own entry serves its
   * images if nothing else matches.
   */
  candidates(reference: Reference): Credential[] {
    const [host, port] = splitPort(reference.registry);
    const path = `/${reference.repository}`;
    const matching = this.#entries.filter(
      (entry) => entry.port === port && matchesHost(entry.host, host) && path.startsWith(entry.path),
    );
    if (matching.length > 0) return matching.map(({ credential }) => credential);
    if (apiHost(reference.registry) === reference.registry) return [];
    return this.#entries.filter(({ key }) => key === DEFAULT_KEY).map(({ credential }) => credential);
  }
}

function parseLocation(location: string): Omit<KeyringEntry, 'credential'> | undefined {
  const withScheme = /^https?:\/\//.test(location) ? location : `https://${location}`;
  const match = /^https?:\/\/([^/?#]*)(\/[^?#]*)?/.exec(withScheme);
  if (!match?.[1]) return undefined;
  const [host, port] = splitPort(match[1]);
  const path = (match[2] ?? '').replace(/^\/v[12](?:\/|$)/, '/');
  const bare = path === '/' ? '' : path;
  return { key: `${match[1]}${bare}`, host, port, path: bare };
}

function splitPort(authority: string): [host: string, port: string] {
  const colon = /:(\d*)$/.exec(authority);
  return colon ? [authority.slice(0, colon.index), colon[1]!] : [authority, ''];
}

function matchesHost(pattern: string, host: string): boolean {
  const patterns = pattern.split('.');
  const parts = host.split('.');
  return patterns.length === parts.length && patterns.every((glob, at) => matchesGlob(glob, parts[at]!));
}

/** `*` and `?` within one label; classes are not used in host names. */
function matchesGlob(glob: string, text: string): boolean {
  if (!/[*?]/.test(glob)) return glob === text;
  const expression = glob.replace(/[^*?]+/g, (plain) => plain.replace(/[\\^$.|+()[\]{}]/g, '\\$&'));
  return new RegExp(`^${expression.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(text);
}

/** `auth` wins over the plain fields; it is split at its first colon only. */
function readCredential(value: Record<string, unknown>): Credential | undefined {
  const { auth, username, password, identitytoken, registrytoken } = value;
  if (typeof identitytoken === 'string' && identitytoken !== '')
    return { kind: 'identity', identityToken: identitytoken };
  if (typeof registrytoken === 'string' && registrytoken !== '') return { kind: 'bearer', token: registrytoken };
  if (typeof auth === 'string' && auth !== '') {
    let decoded: string;
    try {
      decoded = new TextDecoder().decode(Uint8Array.from(atob(auth.trim()), (character) => character.charCodeAt(0)));
    } catch {
      throw new OciError('invalid_credentials', 'an "auth" of the docker config is not base64');
    }
    const colon = decoded.indexOf(':');
    if (colon < 0) throw new OciError('invalid_credentials', 'an "auth" of the docker config is not USER:PASSWORD');
    return { kind: 'basic', username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
  }
  if (typeof username !== 'string' || typeof password !== 'string' || username === '') return undefined;
  return { kind: 'basic', username, password };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
