import { OciError } from '../error.ts';
import type { Descriptor } from '../manifest.ts';
import { answerError } from '../transport/answer-error.ts';
import type { Endpoint } from '../transport/hosts.ts';
import { Verifier } from '../verify.ts';
import { apiUrl, firstThatAnswers, type OperationOptions, pullScope, type Session } from './session.ts';

export interface BlobOptions extends OperationOptions {
  /** Called with the number of new bytes as they arrive; content that comes with its descriptor counts as none. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/**
 * The bytes of a blob as they arrive. The stream ends without error only if digest and size are right, so nothing may
 * be believed before its end. A body that breaks off is continued from where it was (`Range`), as long as each attempt
 * brings something.
 *
 * @throws OciError `not_found` and the transport's; the stream errors with `digest_mismatch`, `size_mismatch`, `unreachable`
 */
export async function fetchBlob(
  session: Session,
  descriptor: Descriptor,
  options: BlobOptions = {},
): Promise<ReadableStream<Uint8Array>> {
  options.signal?.throwIfAborted();
  const embedded = embeddedContent(session, descriptor);
  if (embedded) return new Blob([embedded]).stream();
  const { endpoint, part } = await firstThatAnswers(session, 'pull', options.signal, async (endpoint) => ({
    endpoint,
    part: await request(session, endpoint, descriptor, 0, options.signal),
  }));
  const chunks = read(session, endpoint, part, descriptor, options);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await chunks.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}

/** An answer, and how many of its first bytes are known already. */
interface Part {
  readonly response: Response;
  readonly skip: number;
}

async function* read(
  session: Session,
  endpoint: Endpoint,
  first: Part,
  descriptor: Descriptor,
  { signal, onProgress }: BlobOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { transport } = session;
  const verifier = new Verifier(descriptor, session.createHasher);
  let part = first;
  for (let fruitless = 0; ; ) {
    const before = verifier.received;
    let broken: unknown;
    try {
      for await (const chunk of body(part)) {
        verifier.update(chunk);
        onProgress?.(chunk.length);
        yield chunk;
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof OciError) throw error;
      broken = error;
    }
    if (broken === undefined && verifier.received >= descriptor.size) break;
    fruitless = verifier.received > before ? 0 : fruitless + 1;
    if (fruitless >= transport.attempts) {
      if (broken === undefined) break;
      throw new OciError(
        'unreachable',
        `${descriptor.digest} broke off after ${verifier.received} of ${descriptor.size} bytes`,
        {
          cause: broken,
          retryable: true,
        },
      );
    }
    await transport.sleep(transport.resumeDelay(fruitless), signal);
    part = await request(session, endpoint, descriptor, verifier.received, signal);
  }
  verifier.finish();
}

async function* body({ response, skip: known }: Part): AsyncGenerator<Uint8Array, void, undefined> {
  let skip = known;
  for await (const chunk of response.body ?? []) {
    const rest = skip > 0 ? chunk.subarray(Math.min(skip, chunk.length)) : chunk;
    skip -= chunk.length - rest.length;
    if (rest.length > 0) yield rest;
  }
}

/** Asks for the blob from a byte on; a registry without ranges sends all of it, and what is known is skipped. */
async function request(
  session: Session,
  endpoint: Endpoint,
  descriptor: Descriptor,
  from: number,
  signal: AbortSignal | undefined,
): Promise<Part> {
  const { transport, repository } = session;
  const response = await transport.send({
    url: apiUrl(endpoint, repository, `blobs/${descriptor.digest}`),
    method: 'GET',
    headers: from > 0 ? { range: `bytes=${from}-` } : {},
    scopes: [pullScope(repository)],
    credential: session.credentialFor(endpoint),
    signal,
  });
  if (response.status === 206 && from > 0) {
    const start = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1];
    if (Number(start) === from) return { response, skip: 0 };
    await response.body?.cancel();
    throw new OciError(
      'registry_failed',
      `blob ${descriptor.digest}: asked from byte ${from}, got ${start ?? 'an unknown part'}`,
    );
  }
  if (response.status === 416 && from > 0) {
    await response.body?.cancel();
    throw new OciError('size_mismatch', `${descriptor.digest} ends after ${from} of ${descriptor.size} bytes`, {
      retryable: true,
    });
  }
  if (!response.ok) throw await answerError(response, `blob ${descriptor.digest} of ${repository}`, transport.now());
  return { response, skip: from };
}

/** Content inside the descriptor (image-spec `data`) is used if it is what it says, and ignored otherwise. */
function embeddedContent(session: Session, descriptor: Descriptor): Uint8Array<ArrayBuffer> | undefined {
  if (descriptor.data === undefined) return undefined;
  try {
    const bytes = Uint8Array.from(atob(descriptor.data), (character) => character.charCodeAt(0));
    const verifier = new Verifier(descriptor, session.createHasher);
    verifier.update(bytes);
    verifier.finish();
    return bytes;
  } catch {
    return undefined;
  }
}
