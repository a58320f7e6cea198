import { type Digest, isDigest } from './digest.ts';
import { OciError } from './error.ts';

/** An image name in its canonical form. */
export interface Reference {
  /** HOST or HOST:PORT, such as `docker.io`. */
  readonly registry: string;
  /** Path below the registry, such as `library/alpine`. */
  readonly repository: string;
  readonly tag?: string;
  /** Decides where there is a tag as well. */
  readonly digest?: Digest;
}

const DEFAULT_REGISTRY = 'docker.io';
const HOST =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;
// distribution-spec "Pulling manifests": components of lower-case alphanumerics with single separators.
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const LONGEST_NAME = 255;

/**
 * Reads `[HOST[:PORT]/]PATH[:TAG][@DIGEST]` as Docker and containerd do: without a host it is Docker Hub, where a name
 * of one part is below `library/`; neither tag nor digest means `latest`.
 *
 * ```ts
 * parseReference('alpine'); // { registry: 'docker.io', repository: 'library/alpine', tag: 'latest' }
 * ```
 * @throws OciError `invalid_reference`
 */
export function parseReference(text: string): Reference {
  const invalid = (why: string): OciError =>
    new OciError('invalid_reference', `invalid image name ${JSON.stringify(text.slice(0, 300))}: ${why}`);
  let rest = text;
  let digest: Digest | undefined;
  const at = rest.indexOf('@');
  if (at >= 0) {
    const given = rest.slice(at + 1);
    if (!isDigest(given)) throw invalid('what follows "@" is not a sha256 or sha512 digest');
    digest = given;
    rest = rest.slice(0, at);
  }
  let registry = DEFAULT_REGISTRY;
  const slash = rest.indexOf('/');
  const first = slash < 0 ? '' : rest.slice(0, slash);
  if (first === 'localhost' || /[.:A-Z]/.test(first)) {
    if (!HOST.test(first)) throw invalid(`${JSON.stringify(first)} is not a host`);
    registry = first.toLowerCase();
    rest = rest.slice(slash + 1);
  }
  if (registry === 'index.docker.io') registry = DEFAULT_REGISTRY;
  let tag: string | undefined;
  const colon = rest.lastIndexOf(':');
  if (colon >= 0) {
    tag = rest.slice(colon + 1);
    rest = rest.slice(0, colon);
    if (!TAG.test(tag)) throw invalid(`${JSON.stringify(tag)} is not a tag`);
  }
  if (rest === '') throw invalid('the name is empty');
  if (!REPOSITORY.test(rest)) {
    throw invalid(
      /[A-Z]/.test(rest) ? 'the repository must be lower case' : `${JSON.stringify(rest)} is not a repository name`,
    );
  }
  if (registry === DEFAULT_REGISTRY && !rest.includes('/')) rest = `library/${rest}`;
  if (registry.length + 1 + rest.length > LONGEST_NAME) throw invalid(`it is longer than ${LONGEST_NAME} characters`);
  return {
    registry,
    repository: rest,
    ...(tag !== undefined ? { tag } : digest === undefined ? { tag: 'latest' } : {}),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** The canonical text: `docker.io/library/alpine:latest`. */
export function formatReference({ registry, repository, tag, digest }: Reference): string {
  return `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** As users write it: `alpine:latest`. */
export function familiarReference(reference: Reference): string {
  const text = formatReference(reference);
  if (reference.registry !== DEFAULT_REGISTRY) return text;
  return text.slice(DEFAULT_REGISTRY.length + 1).replace(/^library\/(?=[^/]*$)/, '');
}

/** The host that serves the API of a registry: Docker Hub's is not the one in its names. */
export function apiHost(registry: string): string {
  return registry === DEFAULT_REGISTRY ? 'registry-1.docker.io' : registry;
}
