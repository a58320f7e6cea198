import { createReadStream } from 'node:fs';
import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip, createZstdCompress } from 'node:zlib';
import { isDigest } from '@wigeon/oci-client';
import type { BlobLocation } from './layer-store.ts';

export interface BlobResponseOptions {
  readonly blob: (digest: string) => Promise<BlobLocation | undefined>;
  /** Whether the capability (`?token=`) covers the blob now. */
  readonly allows: (token: string, digest: string) => Promise<boolean>;
}

type Encoding = 'zstd' | 'gzip';

// Below this the header of the encoding eats the gain.
const SMALLEST_ENCODED = 1024;

/** Any origin's frame may read it: what protects a blob is the capability in its address, not a cookie. */
const SHARED = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'content-length, content-range, etag',
  'cross-origin-resource-policy': 'cross-origin',
  'x-content-type-options': 'nosniff',
} as const;

/**
 * Answers `GET`, `HEAD` and the CORS preflight of `/blobs/DIGEST?token=CAPABILITY`: cacheable for ever, in parts
 * (`Range`), compressed for those who accept it. Parts are of the plain bytes and never compressed.
 *
 * Statuses: 200, 204 (preflight), 206, 304, 403 (no capability), 404, 405, 416.
 */
export async function blobResponse(request: Request, digest: string, options: BlobResponseOptions): Promise<Response> {
  if (request.method === 'OPTIONS') return preflight();
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return text(405, 'only GET and HEAD\n', { allow: 'GET, HEAD, OPTIONS' });
  if (!isDigest(digest)) return text(404, 'not a digest\n');
  const token = new URL(request.url).searchParams.get('token') ?? '';
  if (!(await options.allows(token, digest))) return text(403, 'this token does not cover the blob\n');
  const location = await options.blob(digest);
  if (!location) return text(404, 'no such blob\n');
  const { headers } = request;
  const range = parseRange(headers, digest, location.size);
  const encoding = range === undefined ? chooseEncoding(headers, location.size) : undefined;
  const etag = `"${digest}${encoding ? `-${encoding}` : ''}"`;
  const shared = {
    ...SHARED,
    'content-type': 'application/octet-stream',
    'cache-control': 'private, max-age=31536000, immutable',
    'accept-ranges': 'bytes',
    vary: 'accept-encoding',
    etag,
  };
  if (matches(headers.get('if-none-match'), etag)) return new Response(null, { status: 304, headers: shared });
  if (range === 'unsatisfiable') {
    return text(416, 'no such range\n', {
      ...shared,
      'cache-control': 'no-store',
      'content-range': `bytes */${location.size}`,
    });
  }
  const [first, last] = range ?? [0, location.size - 1];
  const length = last - first + 1;
  const body = request.method === 'HEAD' ? null : read(location, first, length, encoding);
  return new Response(body, {
    status: range ? 206 : 200,
    headers: {
      ...shared,
      ...(encoding ? { 'content-encoding': encoding } : { 'content-length': String(length) }),
      ...(range ? { 'content-range': `bytes ${first}-${last}/${location.size}` } : {}),
    },
  });
}

function read(
  location: BlobLocation,
  first: number,
  length: number,
  encoding: Encoding | undefined,
): ReadableStream<Uint8Array<ArrayBuffer>> | null {
  if (length === 0) return null;
  const start = location.offset + first;
  const file = createReadStream(location.path, { start, end: start + length - 1, highWaterMark: 256 * 1024 });
  if (!encoding) return Readable.toWeb(file) as ReadableStream<Uint8Array<ArrayBuffer>>;
  const encoder: Transform =
    encoding === 'zstd'
      ? createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 3 } })
      : createGzip({ level: 4 });
  // An error destroys both, and so ends the body.
  pipeline(file, encoder).catch(() => {});
  return Readable.toWeb(encoder) as ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** One range only; anything else is answered whole, as RFC 9110 section 14.2 allows. */
function parseRange(
  headers: Headers,
  digest: string,
  size: number,
): readonly [number, number] | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(headers.get('range') ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const condition = headers.get('if-range');
  if (condition !== null && condition !== `"${digest}"`) return undefined;
  const [, from = '', to = ''] = match;
  if (from === '') {
    const suffix = Math.min(Number(to), size);
    return suffix === 0 ? 'unsatisfiable' : [size - suffix, size - 1];
  }
  const first = Number(from);
  const last = to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== '' && Number(to) < first) return undefined;
  return first >= size ? 'unsatisfiable' : [first, last];
}

function chooseEncoding(headers: Headers, size: number): Encoding | undefined {
  if (size < SMALLEST_ENCODED) return undefined;
  const accepted = new Map(
    (headers.get('accept-encoding') ?? '').split(',').map((entry) => {
      const [name = '', ...parameters] = entry.trim().toLowerCase().split(';');
      const quality = parameters
        .map((parameter) => /^\s*q=([\d.]+)\s*$/.exec(parameter)?.[1])
        .find((value) => value !== undefined);
      return [name.trim(), Number(quality ?? 1)] as const;
    }),
  );
  return (['zstd', 'gzip'] as const).find((name) => (accepted.get(name) ?? 0) > 0);
}

function matches(header: string | null, etag: string): boolean {
  return (header ?? '').split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag || tag.trim() === '*');
}

function preflight(): Response {
  return new Response(null, {
    status: 204,
    headers: {
      ...SHARED,
      'access-control-allow-methods': 'GET, HEAD',
      'access-control-allow-headers': 'range, if-range, if-none-match',
      'access-control-max-age': '86400',
    },
  });
}

function text(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(body, {
    status,
    headers: { ...SHARED, 'cache-control': 'no-store', ...headers, 'content-type': 'text/plain' },
  });
}
