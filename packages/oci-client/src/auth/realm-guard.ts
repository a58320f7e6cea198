import { getDomain } from 'tldts';
import { OciError } from '../error.ts';

/**
 * Checks the token server that a registry names. A registry may name any; credentials go only to one that belongs to it:
 * https (or http where the registry itself is spoken to by http), on its host, a host of its registrable domain, or an
 * allowed host. Without credentials only the protocol is checked.
 *
 * @throws OciError `realm_refused`
 */
export function checkRealm(
  realm: string,
  registry: URL,
  options: { readonly credentials: boolean; readonly allowed: readonly string[] },
): URL {
  const refuse = (why: string): OciError =>
    new OciError(
      'realm_refused',
      `${registry.host} names ${JSON.stringify(realm.slice(0, 300))} as its token server: ${why}`,
    );
  let url: URL;
  try {
    url = new URL(realm);
  } catch {
    throw refuse('that is not a URL');
  }
  if (url.username || url.password) throw refuse('the URL carries credentials of its own');
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && registry.protocol === 'http:')) {
    throw refuse('it is not reached by https');
  }
  if (options.credentials && !belongsTogether(url.hostname, registry.hostname) && !options.allowed.includes(url.host)) {
    throw refuse(`credentials are not sent to another domain; list ${url.host} as an allowed realm if it is meant`);
  }
  return url;
}

function belongsTogether(a: string, b: string): boolean {
  if (a === b) return true;
  // Private suffixes count: two tenants of one hosting domain are strangers.
  const domain = getDomain(a, { allowPrivateDomains: true });
  return domain !== null && domain === getDomain(b, { allowPrivateDomains: true });
}
