import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { digestOf } from '@wigeon/oci-client/test';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blobResponse } from './index.ts';

const content = Buffer.from('0123456789'.repeat(1000));
const digest = digestOf(content);
const etag = `"${digest}"`;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wigeon-blob-'));
  // The blob lies in the middle of a pack.
  await writeFile(join(directory, 'pack'), Buffer.concat([Buffer.from('before'), content, Buffer.from('after')]));
});
afterAll(() => rm(directory, { recursive: true }));

function ask(
  headers: Record<string, string> = {},
  options: { method?: string; token?: string; digest?: string } = {},
): Promise<Response> {
  const wanted = options.digest ?? digest;
  const request = new Request(`http://gateway/blobs/${wanted}?token=${options.token ?? 'good'}`, {
    method: options.method ?? 'GET',
    headers,
  });
  return blobResponse(request, wanted, {
    blob: async (name) =>
      name === digest ? { path: join(directory, 'pack'), offset: 6, size: content.length } : undefined,
    allows: async (token) => token === 'good',
  });
}

const bytesOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer());

test('a blob is whole, cacheable for ever, and readable by frames of any origin', async () => {
  const response = await ask();
  expect(response.status).toBe(200);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-length': '10000',
    'cache-control': 'private, max-age=31536000, immutable',
    'cross-origin-resource-policy': 'cross-origin',
    'access-control-allow-origin': '*',
    'accept-ranges': 'bytes',
    vary: 'accept-encoding',
    etag,
  });
  expect((await bytesOf(response)).equals(content)).toBe(true);
});

describe('ranges', () => {
  test.each([
    ['bytes=0-9', 0, 9],
    ['bytes=9990-', 9990, 9999],
    ['bytes=-3', 9997, 9999],
    ['bytes=5-100000', 5, 9999],
  ])('%s', async (range, first, last) => {
    const response = await ask({ range, 'accept-encoding': 'zstd' });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(`bytes ${first}-${last}/10000`);
    expect(response.headers.get('content-encoding')).toBeNull();
    expect((await bytesOf(response)).equals(content.subarray(first, last + 1))).toBe(true);
  });

  test.each(['bytes=10000-', 'bytes=-0'])('%s is not satisfiable', async (range) => {
    const response = await ask({ range });
    expect([response.status, response.headers.get('content-range')]).toEqual([416, 'bytes */10000']);
  });

  test.each(['bytes=0-1,3-4', 'bytes=9-3', 'lines=1-2', 'bytes=-'])('%s is answered whole', async (range) => {
    expect((await ask({ range })).status).toBe(200);
  });

  test('If-Range decides whether a part will do', async () => {
    expect((await ask({ range: 'bytes=0-1', 'if-range': etag })).status).toBe(206);
    expect((await ask({ range: 'bytes=0-1', 'if-range': '"other"' })).status).toBe(200);
  });
});

describe('compression', () => {
  test.each([
    ['gzip, deflate, br, zstd', 'zstd'],
    ['gzip', 'gzip'],
    ['zstd;q=0, gzip;q=0.5', 'gzip'],
    ['br', null],
    ['gzip;q=0', null],
  ])('of %s takes %s', async (accept, encoding) => {
    const response = await ask({ 'accept-encoding': accept });
    expect(response.headers.get('content-encoding')).toBe(encoding);
    const body = await bytesOf(response);
    const plain = encoding === 'zstd' ? zstdDecompressSync(body) : encoding === 'gzip' ? gunzipSync(body) : body;
    expect(plain.equals(content)).toBe(true);
    if (encoding) expect(body.length).toBeLessThan(1000);
    expect(response.headers.get('etag')).toBe(encoding ? `"${digest}-${encoding}"` : etag);
  });
});

test('who has it already gets 304', async () => {
  expect((await ask({ 'if-none-match': `"x", W/${etag}` })).status).toBe(304);
  expect((await ask({ 'if-none-match': etag, 'accept-encoding': 'gzip' })).status).toBe(200);
});

test('HEAD has no body, another method is refused, a preflight is answered', async () => {
  const head = await ask({}, { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length'), (await bytesOf(head)).length]).toEqual([200, '10000', 0]);
  expect((await ask({}, { method: 'POST' })).status).toBe(405);
  const preflight = await ask({}, { method: 'OPTIONS' });
  expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([
    204,
    'range, if-range, if-none-match',
  ]);
});

test('without a capability nothing is told, not even whether the blob exists', async () => {
  const missing = digestOf(Buffer.from('missing'));
  expect((await ask({}, { token: 'forged' })).status).toBe(403);
  expect((await ask({}, { token: 'forged', digest: missing })).status).toBe(403);
  expect((await ask({}, { digest: missing })).status).toBe(404);
  expect((await ask({}, { digest: 'sha256:../../etc' })).status).toBe(404);
  expect((await ask({}, { token: 'forged' })).headers.get('cache-control')).toBe('no-store');
});
