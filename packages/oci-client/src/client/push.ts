import { type Digest, digestAlgorithm, digestOf } from '../digest.ts';
import { OciError } from '../error.ts';
import type { Descriptor } from '../manifest.ts';
import { answerError } from '../transport/answer-error.ts';
import { parseRetryAfter } from '../transport/retry.ts';
import { apiUrl, type OperationOptions, origin, pullScope, pushScope, type Session } from './session.ts';

/** Where the bytes of an upload come from; read again from the start if a request must be repeated. */
export interface BlobSource {
  readonly digest: Digest;
  readonly size: number;
  /** Bytes from `start` up to, not including, `end`. */
  open(start: number, end: number): ReadableStream<Uint8Array> | Uint8Array;
}

export interface PushBlobOptions extends OperationOptions {
  /** A repository of the same registry that may hold the blob already. */
  readonly mountFrom?: string | undefined;
  /** Upload in pieces of this many bytes; the registry's minimum is kept. Without it one request carries everything. */
  readonly chunkSize?: number | undefined;
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

export type PushOutcome = 'present' | 'mounted' | 'uploaded';

/** Whether the registry has the blob. */
export async function hasBlob(session: Session, digest: Digest, { signal }: OperationOptions = {}): Promise<boolean> {
  const response = await session.transport.send({
    url: apiUrl(origin(session), session.repository, `blobs/${digest}`),
    method: 'HEAD',
    scopes: [pullScope(session.repository)],
    credential: session.credentialFor(origin(session)),
    signal,
  });
  await response.body?.cancel();
  if (response.ok) return true;
  // An unknown repository may be answered 401 or 403 where anonymous users push.
  if (response.status === 404) return false;
  throw await answerError(response, `blob ${digest} of ${session.repository}`, session.transport.now());
}

/** Uploads a blob unless the registry has it or can mount it. */
export async function pushBlob(
  session: Session,
  source: BlobSource,
  options: PushBlobOptions = {},
): Promise<PushOutcome> {
  if (await hasBlob(session, source.digest, options)) return 'present';
  const { mountFrom } = options;
  const start = await send(
    session,
    'POST',
    apiUrl(origin(session), session.repository, 'blobs/uploads/', startQuery(source, mountFrom)),
    {
      ...options,
      headers: { 'content-length': '0' },
      scopes: [pushScope(session.repository), ...(mountFrom === undefined ? [] : [pullScope(mountFrom)])],
    },
  );
  if (start.status === 201) return 'mounted';
  if (start.status !== 202) throw await failed(session, start, source);
  const location = follow(session, start);
  if (options.chunkSize === undefined) await uploadWhole(session, source, location, options);
  else await uploadChunks(session, source, location, chunkSize(start, options.chunkSize), options);
  return 'uploaded';
}

/**
 * Stores a manifest or index under a tag, or under its digest if there is none.
 *
 * @returns its descriptor, and whether the registry took note of the subject (`OCI-Subject`)
 */
export async function pushManifest(
  session: Session,
  manifest: { readonly mediaType: string; readonly bytes: Uint8Array },
  tag: string | undefined,
  options: OperationOptions & { readonly algorithm?: 'sha256' | 'sha512' } = {},
): Promise<{ readonly descriptor: Descriptor; readonly subjectIndexed: boolean }> {
  const digest = digestOf(manifest.bytes, session.createHasher, options.algorithm);
  const response = await send(
    session,
    'PUT',
    apiUrl(origin(session), session.repository, `manifests/${tag ?? digest}`),
    {
      ...options,
      headers: { 'content-type': manifest.mediaType, 'content-length': String(manifest.bytes.length) },
      body: () => manifest.bytes,
    },
  );
  if (!response.ok) {
    throw await answerError(
      response,
      `push of the manifest ${tag ?? digest} of ${session.repository}`,
      session.transport.now(),
    );
  }
  await response.body?.cancel();
  return {
    descriptor: { mediaType: manifest.mediaType, digest, size: manifest.bytes.length },
    subjectIndexed: response.headers.get('oci-subject') !== null,
  };
}

/** Deletes a manifest (by digest), or a tag where the registry can. */
export async function deleteManifest(
  session: Session,
  tagOrDigest: string,
  options: OperationOptions = {},
): Promise<void> {
  const response = await send(
    session,
    'DELETE',
    apiUrl(origin(session), session.repository, `manifests/${tagOrDigest}`),
    {
      ...options,
      scopes: [`repository:${session.repository}:delete,pull,push`],
    },
  );
  if (!response.ok)
    throw await answerError(response, `deletion of ${tagOrDigest} in ${session.repository}`, session.transport.now());
  await response.body?.cancel();
}

async function uploadWhole(
  session: Session,
  source: BlobSource,
  location: URL,
  options: PushBlobOptions,
): Promise<void> {
  location.searchParams.set('digest', source.digest);
  const response = await send(session, 'PUT', location, {
    ...options,
    headers: { 'content-type': 'application/octet-stream', 'content-length': String(source.size) },
    body: () => counted(source.open(0, source.size), options.onProgress),
  });
  if (response.status !== 201) throw await failed(session, response, source);
  await response.body?.cancel();
}

async function uploadChunks(
  session: Session,
  source: BlobSource,
  first: URL,
  size: number,
  options: PushBlobOptions,
): Promise<void> {
  let location = first;
  let lost = 0;
  for (let at = 0; at < source.size; ) {
    const end = Math.min(source.size, at + size);
    const response = await send(session, 'PATCH', location, {
      ...options,
      headers: {
        'content-type': 'application/octet-stream',
        'content-range': `${at}-${end - 1}`,
        'content-length': String(end - at),
      },
      body: () => counted(source.open(at, end), options.onProgress),
      // What arrived of a broken piece only the registry knows: it is asked below.
      once: true,
    }).catch((error: unknown) => {
      options.signal?.throwIfAborted();
      if (error instanceof OciError && error.retryable && lost + 1 < session.transport.attempts) return undefined;
      throw error;
    });
    if (response?.status === 202) {
      location = follow(session, response);
      at = end;
      continue;
    }
    const transient =
      response === undefined || response.status === 416 || response.status >= 500 || response.status === 429;
    if (!transient || ++lost >= session.transport.attempts) throw await failed(session, response!, source);
    const wait = parseRetryAfter(response?.headers.get('retry-after') ?? null, session.transport.now());
    await response?.body?.cancel();
    await session.transport.sleep(wait ?? session.transport.resumeDelay(lost), options.signal);
    ({ location, at } = await uploadState(session, location, source, options));
  }
  location.searchParams.set('digest', source.digest);
  const done = await send(session, 'PUT', location, { ...options, headers: { 'content-length': '0' } });
  if (done.status !== 201) throw await failed(session, done, source);
  await done.body?.cancel();
}

/** How much of an upload the registry has: 204 with `Range: 0-LAST` (distribution-spec, "Pushing a blob in chunks"). */
async function uploadState(
  session: Session,
  location: URL,
  source: BlobSource,
  options: OperationOptions,
): Promise<{ location: URL; at: number }> {
  const response = await send(session, 'GET', location, options);
  if (response.status !== 204) throw await failed(session, response, source);
  const last = /^(?:bytes=)?0-(\d+)$/.exec(response.headers.get('range') ?? '')?.[1];
  // "0-0" is said for nothing as well as for one byte; starting over is right for both.
  const at = last === undefined || last === '0' ? 0 : Number(last) + 1;
  return { location: response.headers.has('location') ? follow(session, response) : location, at };
}

function startQuery(source: BlobSource, mountFrom: string | undefined): Record<string, string> {
  return {
    ...(mountFrom === undefined ? {} : { mount: source.digest, from: mountFrom }),
    ...(digestAlgorithm(source.digest) === 'sha256' ? {} : { 'digest-algorithm': digestAlgorithm(source.digest) }),
  };
}

function chunkSize(start: Response, wanted: number): number {
  const minimum = Number(start.headers.get('oci-chunk-min-length') ?? 0);
  return Math.max(1, wanted, Number.isSafeInteger(minimum) ? minimum : 0);
}

/** The `Location` of an upload may be relative and carry state: it is kept as it is. */
function follow(session: Session, response: Response): URL {
  const location = response.headers.get('location');
  const { base } = origin(session);
  const url = location === null ? null : URL.parse(location, response.url || base);
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new OciError('registry_failed', `${base.host} began an upload without a usable Location`);
  }
  return url;
}

async function send(
  session: Session,
  method: string,
  url: URL,
  options: OperationOptions & {
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: () => ReadableStream<Uint8Array> | Uint8Array;
    readonly scopes?: readonly string[];
    readonly once?: boolean;
  },
): Promise<Response> {
  const own = origin(session);
  return session.transport.send({
    url,
    method,
    ...(options.headers ? { headers: options.headers } : {}),
    ...(options.body ? { body: options.body } : {}),
    ...(options.once ? { once: true } : {}),
    scopes: options.scopes ?? [pushScope(session.repository)],
    // An upload may continue on another host, which has no claim to the registry's credentials.
    credential: url.origin === own.base.origin ? session.credentialFor(own) : undefined,
    signal: options.signal,
  });
}

function counted(
  body: ReadableStream<Uint8Array> | Uint8Array,
  onProgress: ((bytes: number) => void) | undefined,
): ReadableStream<Uint8Array> | Uint8Array {
  if (!onProgress) return body;
  if (body instanceof Uint8Array) {
    onProgress(body.length);
    return body;
  }
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        onProgress(chunk.length);
        controller.enqueue(chunk);
      },
    }),
  );
}

function failed(session: Session, response: Response, source: BlobSource): Promise<OciError> {
  return answerError(response, `upload of ${source.digest} to ${session.repository}`, session.transport.now());
}
