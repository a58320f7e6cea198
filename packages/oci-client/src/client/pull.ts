import { type Digest, digestAlgorithm, digestOf, isDigest } from '../digest.ts';
import { OciError } from '../error.ts';
import { type Descriptor, type Manifest, manifestLimit, parseManifest } from '../manifest.ts';
import { baseType, manifestAccept } from '../media-types.ts';
import { answerError } from '../transport/answer-error.ts';
import type { Endpoint } from '../transport/hosts.ts';
import { readLimited } from '../transport/read-limited.ts';
import { apiUrl, firstThatAnswers, type OperationOptions, pullScope, type Session } from './session.ts';

export interface FetchedManifest {
  readonly manifest: Manifest;
  readonly bytes: Uint8Array;
  readonly descriptor: Descriptor;
}

/**
 * The manifest of a tag or digest, verified.
 *
 * @throws OciError `not_found`, `manifest_too_large`, `digest_mismatch`, `invalid_manifest`, `unsupported_media_type`
 */
export function fetchManifest(
  session: Session,
  tagOrDigest: string,
  options: OperationOptions = {},
): Promise<FetchedManifest> {
  const capability = isDigest(tagOrDigest) ? 'pull' : 'resolve';
  return firstThatAnswers(session, capability, options.signal, (endpoint) =>
    fetchManifestFrom(session, endpoint, tagOrDigest, options),
  );
}

/**
 * Digest, type and size of a tag without the manifest itself; undefined where the registry does not say the digest
 * (distribution-spec: a client must live without the header).
 */
export function headManifest(
  session: Session,
  tagOrDigest: string,
  options: OperationOptions = {},
): Promise<Descriptor | undefined> {
  return firstThatAnswers(session, 'resolve', options.signal, async (endpoint) => {
    const response = await session.transport.send({
      url: apiUrl(endpoint, session.repository, `manifests/${tagOrDigest}`),
      method: 'HEAD',
      headers: { accept: manifestAccept },
      scopes: [pullScope(session.repository)],
      credential: session.credentialFor(endpoint),
      signal: options.signal,
    });
    // Some registries know no HEAD; the manifest itself tells as much.
    if (response.status === 405 || response.status === 501) return undefined;
    if (!response.ok)
      throw await answerError(response, `manifest ${tagOrDigest} of ${session.repository}`, session.transport.now());
    const digest = response.headers.get('docker-content-digest');
    if (!isDigest(digest)) return undefined;
    return {
      mediaType: baseType(response.headers.get('content-type')),
      digest,
      size: Number(response.headers.get('content-length') ?? 0),
    };
  });
}

async function fetchManifestFrom(
  session: Session,
  endpoint: Endpoint,
  tagOrDigest: string,
  { signal }: OperationOptions,
): Promise<FetchedManifest> {
  const { transport, repository, createHasher } = session;
  const what = `manifest ${tagOrDigest} of ${repository}`;
  for (let attempt = 0; ; attempt++) {
    const response = await transport.send({
      url: apiUrl(endpoint, repository, `manifests/${tagOrDigest}`),
      method: 'GET',
      headers: { accept: manifestAccept },
      scopes: [pullScope(repository)],
      credential: session.credentialFor(endpoint),
      signal,
    });
    if (!response.ok) throw await answerError(response, what, transport.now());
    let bytes: Uint8Array;
    try {
      bytes = await readLimited(response, manifestLimit, `the ${what}`, 'manifest_too_large');
    } catch (cause) {
      signal?.throwIfAborted();
      if (cause instanceof OciError) throw cause;
      if (attempt + 1 < transport.attempts) {
        await transport.sleep(transport.resumeDelay(attempt), signal);
        continue;
      }
      throw new OciError('unreachable', `the ${what} broke off`, { cause, retryable: true });
    }
    const told = response.headers.get('docker-content-digest');
    const promised: Digest | undefined = isDigest(tagOrDigest) ? tagOrDigest : isDigest(told) ? told : undefined;
    const digest = digestOf(bytes, createHasher, promised ? digestAlgorithm(promised) : 'sha256');
    if (promised && digest !== promised) {
      throw new OciError('digest_mismatch', `the ${what} has the digest ${digest} instead of ${promised}`, {
        retryable: true,
      });
    }
    const manifest = parseManifest(bytes, baseType(response.headers.get('content-type')));
    return { manifest, bytes, descriptor: { mediaType: manifest.mediaType, digest, size: bytes.length } };
  }
}
