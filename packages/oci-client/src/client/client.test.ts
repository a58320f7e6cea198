import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { addImage, digestOf, FakeRegistry, noiseOf } from '../../test/index.ts';
import type { Credential } from '../auth/credential.ts';
import { mediaTypes } from '../media-types.ts';
import { withPlainHttp } from '../node/push-image.ts';
import { createRegistryClient, type NodeRegistryClientOptions } from '../node/registry-client.ts';
import { referrersTag } from './referrers.ts';
import type { Repository } from './repository.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each[Symbol.asyncDispose]();
});

async function start(options: Parameters<typeof FakeRegistry.start>[0] = {}): Promise<FakeRegistry> {
  const registry = await FakeRegistry.start(options);
  open.push(registry);
  return registry;
}

/** A client that notes its waits instead of waiting. */
function connect(
  registry: FakeRegistry,
  options: NodeRegistryClientOptions & { credential?: Credential; repository?: string; plainHttp?: string[] } = {},
): { repository: Repository; waits: number[]; warnings: string[]; client: ReturnType<typeof createRegistryClient> } {
  const waits: number[] = [];
  const warnings: string[] = [];
  const client = createRegistryClient({
    ...options,
    hosts: withPlainHttp(options.hosts, [registry.host, ...(options.plainHttp ?? [])]),
    sleep: async (milliseconds) => void waits.push(milliseconds),
    onWarning: (text) => warnings.push(text),
    random: () => 1,
    environment: options.environment ?? {},
  });
  open.push(client);
  const reference = { registry: registry.host, repository: options.repository ?? 'team/app' };
  return { repository: client.repository(reference, options.credential), waits, warnings, client };
}

async function collect(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const isBlob = ({ path }: { path: string }): boolean => path.includes('/blobs/sha');
const isManifest = ({ path }: { path: string }): boolean => path.includes('/manifests/');
const basic: Credential = { kind: 'basic', username: 'ann', password: 'p:w' };

describe('manifests', () => {
  test('are asked for by all four types and verified', async () => {
    const registry = await start();
    const { digest } = await addImage(registry, 'team/app', '1');
    const { repository } = connect(registry);
    expect((await repository.manifest('1')).descriptor.digest).toBe(digest);
    expect((await repository.head('1'))?.digest).toBe(digest);
    const accept = registry.requests[0]!.headers.accept ?? '';
    for (const type of [mediaTypes.index, mediaTypes.manifest, mediaTypes.dockerList, mediaTypes.dockerManifest])
      expect(accept).toContain(type);
  });

  test('without a mediaType are what the registry says, with one that disagrees are refused', async () => {
    const registry = await start();
    const body = Buffer.from('{"schemaVersion":2,"manifests":[]}');
    registry.addManifestBytes('team/app', 'bare', body, `${mediaTypes.index}; charset=utf-8`);
    registry.addManifestBytes(
      'team/app',
      'liar',
      Buffer.from(JSON.stringify({ mediaType: mediaTypes.index, manifests: [] })),
      mediaTypes.manifest,
    );
    registry.addManifestBytes('team/app', 'other', Buffer.from('{}'), 'text/html');
    const { repository } = connect(registry);
    expect((await repository.manifest('bare')).manifest.kind).toBe('index');
    await expect(repository.manifest('liar')).rejects.toThrow(expect.objectContaining({ code: 'invalid_manifest' }));
    await expect(repository.manifest('other')).rejects.toThrow(
      expect.objectContaining({ code: 'unsupported_media_type' }),
    );
  });

  test.each([
    ['{', 'not JSON'],
    ['[]', 'not a JSON object'],
    ['{"layers":[]}', 'config is missing'],
    [`{"config":{"mediaType":"x","digest":"md5:1","size":1},"layers":[]}`, 'not sha256'],
    [`{"config":{"mediaType":"x","digest":"sha256:${'0'.repeat(64)}","size":-1},"layers":[]}`, 'whole number'],
    [`{"config":{"mediaType":"x","digest":"sha256:${'0'.repeat(64)}","size":1},"layers":{}}`, 'not a list'],
    [`{"manifests":[],"config":{}}`, 'a manifest with manifests'],
  ])('that are malformed are refused: %s', async (body, why) => {
    const registry = await start();
    registry.addManifestBytes('team/app', '1', Buffer.from(body), mediaTypes.manifest);
    await expect(connect(registry).repository.manifest('1')).rejects.toThrow(
      expect.objectContaining({ code: 'invalid_manifest', message: expect.stringContaining(why) }),
    );
  });

  test('of 5 MiB are refused, whether the size is declared or not', async () => {
    const registry = await start();
    const body = Buffer.alloc(5 * 1024 * 1024, ' ');
    registry.addManifestBytes('team/app', '1', body, mediaTypes.manifest);
    const { repository } = connect(registry);
    await expect(repository.manifest('1')).rejects.toThrow(expect.objectContaining({ code: 'manifest_too_large' }));
    registry.intercept((request, response) => {
      if (!isManifest(request)) return false;
      response.writeHead(200, { 'content-type': mediaTypes.manifest });
      response.end(body);
      return true;
    });
    await expect(repository.manifest('1')).rejects.toThrow(expect.objectContaining({ code: 'manifest_too_large' }));
  });

  test('with another digest than asked for or announced are refused', async () => {
    const registry = await start();
    const { digest } = await addImage(registry, 'team/app', '1');
    const { repository } = connect(registry);
    registry.intercept((request, response) => {
      if (!isManifest(request)) return false;
      response.writeHead(200, { 'content-type': mediaTypes.manifest, 'docker-content-digest': digest });
      response.end('{"layers":[]}');
      return true;
    });
    for (const wanted of [digest, '1']) {
      await expect(repository.manifest(wanted)).rejects.toThrow(expect.objectContaining({ code: 'digest_mismatch' }));
    }
  });

  test("a missing one says so in the registry's words", async () => {
    const registry = await start();
    await expect(connect(registry).repository.manifest('none')).rejects.toThrow(
      expect.objectContaining({
        code: 'not_found',
        status: 404,
        message: expect.stringContaining('MANIFEST_UNKNOWN: says the fake registry'),
      }),
    );
  });
});

describe('resolution', () => {
  const choice = { components: false, annotations: {} };

  async function nested(depth: number): Promise<FakeRegistry> {
    const registry = await start();
    let inner = await addImage(registry, 'team/app', undefined);
    for (let level = 0; level < depth; level++) {
      inner = registry.addManifest('team/app', level === depth - 1 ? '1' : undefined, {
        schemaVersion: 2,
        mediaType: mediaTypes.index,
        manifests: [inner],
      });
    }
    return registry;
  }

  test('takes the Wasm entry of a multi-platform index and passes over unknown types', async () => {
    const registry = await start();
    const linux = await addImage(registry, 'team/app', undefined, { platform: { os: 'linux', architecture: 'amd64' } });
    const wasm = await addImage(registry, 'team/app', undefined);
    const strange = registry.addManifestBytes('team/app', undefined, Buffer.from('{"x":1}'), 'application/x');
    const manifests = [
      { ...linux, platform: { os: 'linux', architecture: 'amd64' } },
      { ...strange, platform: { os: 'wasip1', architecture: 'wasm' } },
      { ...wasm, platform: { os: 'wasi', architecture: 'wasm' }, annotations: { from: 'entry' } },
    ];
    const index = registry.addManifest('team/app', '1', {
      schemaVersion: 2,
      mediaType: mediaTypes.index,
      manifests,
      annotations: { from: 'index', only: 'index' },
    });
    const { repository } = connect(registry);
    const resolved = await repository.resolve('1', choice);
    expect(resolved).toMatchObject({
      root: { digest: index.digest },
      descriptor: { digest: wasm.digest },
      annotations: { from: 'entry', only: 'index' },
    });
  });

  test('tells what an index offers when nothing is for us', async () => {
    const registry = await start();
    const linux = await addImage(registry, 'team/app', undefined, { platform: { os: 'linux', architecture: 'amd64' } });
    registry.addManifest('team/app', '1', {
      schemaVersion: 2,
      mediaType: mediaTypes.index,
      manifests: [{ ...linux, platform: { os: 'linux', architecture: 'amd64' } }],
    });
    await expect(connect(registry).repository.resolve('1', choice)).rejects.toThrow(
      expect.objectContaining({ code: 'no_wasm', message: expect.stringContaining('linux/amd64') }),
    );
  });

  test('goes through an index in an index, but not for ever', async () => {
    const { repository } = connect(await nested(3));
    expect((await repository.resolve('1', choice)).manifest.layers).toHaveLength(1);
    await expect(connect(await nested(4)).repository.resolve('1', choice)).rejects.toThrow(
      expect.objectContaining({ code: 'index_too_deep' }),
    );
  });
});

describe('blobs', () => {
  const content = noiseOf(200_000);

  test.each(['sha256', 'sha512'] as const)('are verified by %s, with progress', async (algorithm) => {
    const registry = await start();
    const descriptor = registry.addBlob(content, 'application/octet-stream', algorithm);
    let progress = 0;
    const bytes = await collect(
      await connect(registry).repository.blob(descriptor, { onProgress: (count) => (progress += count) }),
    );
    expect(bytes.equals(content)).toBe(true);
    expect(progress).toBe(content.length);
  });

  test.each([true, false])('that break off at every tenth are continued (ranges: %s)', async (ranges) => {
    const registry = await start();
    const descriptor = registry.addBlob(content);
    const tenth = content.length / 10;
    let cuts = 0;
    registry.intercept((request, response) => {
      if (!isBlob(request) || cuts >= 9) return false;
      const from = ranges ? Number(/\d+/.exec(request.headers.range ?? '0')![0]) : 0;
      cuts++;
      const partial = request.headers.range !== undefined && ranges;
      response.writeHead(partial ? 206 : 200, {
        'content-length': content.length - from,
        ...(partial ? { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` } : {}),
      });
      response.write(content.subarray(from, tenth * cuts), () => setImmediate(() => response.destroy()));
      return true;
    });
    const { repository, waits } = connect(registry);
    expect((await collect(await repository.blob(descriptor))).equals(content)).toBe(true);
    expect(cuts).toBe(9);
    expect(waits.length).toBeGreaterThanOrEqual(9);
  });

  test('that never get further are given up', async () => {
    const registry = await start();
    const descriptor = registry.addBlob(content);
    registry.intercept((request, response) => {
      if (!isBlob(request)) return false;
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 1000), () => setImmediate(() => response.destroy()));
      return true;
    });
    const { repository, waits } = connect(registry);
    await expect(collect(await repository.blob(descriptor))).rejects.toThrow(
      expect.objectContaining({ code: 'unreachable', retryable: true }),
    );
    expect(waits.length).toBeLessThan(10);
  });

  test.each([
    ['wrong', Buffer.from(content).fill(7, 0, 1), 'digest_mismatch'],
    ['short', content.subarray(0, 150_000), 'size_mismatch'],
    ['long', Buffer.concat([content, Buffer.of(1)]), 'size_mismatch'],
  ])('that are %s end in an error', async (_, body, code) => {
    const registry = await start();
    const descriptor = registry.addBlob(content);
    registry.intercept((request, response) => {
      if (!isBlob(request)) return false;
      if (request.headers.range) response.writeHead(416).end();
      else response.writeHead(200).end(body);
      return true;
    });
    await expect(collect(await connect(registry).repository.blob(descriptor))).rejects.toThrow(
      expect.objectContaining({ code, retryable: true }),
    );
  });

  test('a part from elsewhere than asked for is an error', async () => {
    const registry = await start();
    const descriptor = registry.addBlob(content);
    registry.interceptTimes(1, isBlob, (_, response) => {
      response.writeHead(200).write(content.subarray(0, 1000), () => setImmediate(() => response.destroy()));
      return true;
    });
    registry.intercept((request, response) => {
      if (!request.headers.range) return false;
      response
        .writeHead(206, { 'content-range': `bytes 5-${content.length - 1}/${content.length}` })
        .end(content.subarray(5));
      return true;
    });
    await expect(collect(await connect(registry).repository.blob(descriptor))).rejects.toThrow(
      expect.objectContaining({ code: 'registry_failed' }),
    );
  });

  test('inside their descriptor are not fetched, unless they are not what it says', async () => {
    const registry = await start();
    const descriptor = registry.addBlob(Buffer.from('{}'));
    const { repository } = connect(registry);
    expect((await collect(await repository.blob({ ...descriptor, data: 'e30=' }))).toString()).toBe('{}');
    expect(registry.requests).toHaveLength(0);
    expect((await collect(await repository.blob({ ...descriptor, data: btoa('[]') }))).toString()).toBe('{}');
    expect(registry.requests).toHaveLength(1);
  });

  test('end at once when aborted', async () => {
    const registry = await start();
    const descriptor = registry.addBlob(content);
    registry.intercept((request, response) => {
      if (!isBlob(request)) return false;
      response.writeHead(200).write(content.subarray(0, 1000));
      return true;
    });
    const abort = new AbortController();
    const reader = (await connect(registry).repository.blob(descriptor, { signal: abort.signal })).getReader();
    await reader.read();
    abort.abort(new Error('enough'));
    await expect(reader.read()).rejects.toThrow('enough');
  });
});

describe('asking again', () => {
  test('429 with Retry-After is waited for, 5xx with growing waits', async () => {
    const registry = await start();
    await addImage(registry, 'team/app', '1');
    const statuses = [429, 503, 502];
    registry.interceptTimes(3, isManifest, (_, response) => {
      const status = statuses.shift()!;
      response.writeHead(status, status === 429 ? { 'retry-after': '7' } : {}).end();
      return true;
    });
    const { repository, waits } = connect(registry);
    await repository.manifest('1');
    expect(waits).toEqual([7000, 500, 1000]);
  });

  test('a Retry-After of an hour is told and not waited for', async () => {
    const registry = await start();
    registry.intercept((_, response) => {
      response.writeHead(429, { 'retry-after': '3600' }).end();
      return true;
    });
    const { repository, waits } = connect(registry);
    await expect(repository.manifest('1')).rejects.toThrow(
      expect.objectContaining({ code: 'rate_limited', retryAfter: 3600, retryable: true }),
    );
    expect(waits).toEqual([]);
  });

  test('a connection that breaks is made again, one that is refused is not', async () => {
    const registry = await start();
    await addImage(registry, 'team/app', '1');
    registry.interceptTimes(2, isManifest, (_, response) => !!response.destroy());
    const { repository, waits } = connect(registry);
    await repository.manifest('1');
    expect(waits).toHaveLength(2);
    const gone = await start();
    const { repository: none, waits: noWaits } = connect(gone);
    await gone[Symbol.asyncDispose]();
    open.splice(open.indexOf(gone), 1);
    await expect(none.manifest('1')).rejects.toThrow(expect.objectContaining({ code: 'unreachable', retryable: true }));
    expect(noWaits).toEqual([]);
  });

  test('there is an end to it', async () => {
    const registry = await start();
    registry.intercept((_, response) => !!response.writeHead(500).end());
    const { repository, waits } = connect(registry);
    await expect(repository.manifest('1')).rejects.toThrow(
      expect.objectContaining({ code: 'registry_failed', status: 500, retryable: true }),
    );
    expect(waits).toHaveLength(4);
  });

  test('warnings are told once each', async () => {
    const registry = await start();
    await addImage(registry, 'team/app', '1');
    registry.intercept((_, response) => {
      response.setHeader('warning', '299 - "this \\"tag\\" goes away", 299 - "second", 199 x "not for users"');
      return false;
    });
    const { repository, warnings } = connect(registry);
    await repository.manifest('1');
    await repository.manifest('1');
    expect(warnings).toEqual(['this "tag" goes away', 'second']);
  });
});

describe('authorisation', () => {
  const bearer = (more: object = {}) => ({
    scheme: 'bearer' as const,
    users: ['ann:p:w', ''],
    tokens: new Set<string>(),
    ...more,
  });
  const tokenRequests = (registry: FakeRegistry) => registry.seen('/token');

  test('basic credentials are sent after the challenge, then at once', async () => {
    const registry = await start({ auth: { scheme: 'basic', users: ['ann:p:w'], tokens: new Set() } });
    await addImage(registry, 'team/app', '1');
    const { repository } = connect(registry, { credential: basic });
    await repository.manifest('1');
    await repository.manifest('1');
    expect(registry.requests.map(({ headers }) => headers.authorization !== undefined)).toEqual([false, true, true]);
  });

  test('an anonymous token is fetched once for many requests', async () => {
    const registry = await start({ auth: bearer() });
    await addImage(registry, 'team/app', '1');
    const { repository } = connect(registry);
    await Promise.all(Array.from({ length: 8 }, () => repository.manifest('1')));
    await repository.manifest('1');
    expect(tokenRequests(registry)).toHaveLength(1);
    expect(tokenRequests(registry)[0]!.query.getAll('scope')).toEqual(['repository:team/app:pull']);
    expect(tokenRequests(registry)[0]!.query.get('service')).toBe('fake');
    expect(tokenRequests(registry)[0]!.headers.authorization).toBeUndefined();
  });

  test('a token is not used by another credential or for another repository', async () => {
    const registry = await start({ auth: bearer() });
    await addImage(registry, 'team/app', '1');
    await addImage(registry, 'team/other', '1');
    const { repository, client } = connect(registry);
    await repository.manifest('1');
    await client.repository({ registry: registry.host, repository: 'team/app' }, basic).manifest('1');
    await client.repository({ registry: registry.host, repository: 'team/other' }).manifest('1');
    expect(tokenRequests(registry)).toHaveLength(3);
  });

  test('a token is renewed shortly before it ends', async () => {
    const registry = await start({ auth: bearer({ expiresIn: 60 }) });
    await addImage(registry, 'team/app', '1');
    let now = 0;
    const { repository } = connect(registry, { now: () => now });
    await repository.manifest('1');
    now = 49_000;
    await repository.manifest('1');
    expect(tokenRequests(registry)).toHaveLength(1);
    now = 51_000;
    await repository.manifest('1');
    expect(tokenRequests(registry)).toHaveLength(2);
  });

  test('an identity token goes by POST', async () => {
    const registry = await start({ auth: bearer({ users: [], identityTokens: ['id'] }) });
    await addImage(registry, 'team/app', '1');
    await connect(registry, { credential: { kind: 'identity', identityToken: 'id' } }).repository.manifest('1');
    expect(tokenRequests(registry)[0]!.method).toBe('POST');
  });

  test('401 in the middle of a blob gets a new token, and the blob goes on', async () => {
    const tokens = new Set<string>();
    const registry = await start({ auth: bearer({ tokens }) });
    const content = noiseOf(100_000);
    const descriptor = registry.addBlob(content);
    const { repository } = connect(registry);
    await repository.hasBlob(descriptor.digest);
    registry.interceptTimes(
      1,
      (request) => isBlob(request) && request.method === 'GET',
      (_, response) => {
        tokens.clear();
        response.writeHead(200, { 'content-length': content.length });
        response.write(content.subarray(0, 50_000), () => setImmediate(() => response.destroy()));
        return true;
      },
    );
    expect((await collect(await repository.blob(descriptor))).equals(content)).toBe(true);
    expect(tokenRequests(registry)).toHaveLength(2);
  });

  test.each([
    ['wrong credentials', { ...basic, password: 'wrong' } as Credential],
    ['no credentials', undefined],
  ])('%s end in one clear error', async (_, credential) => {
    const registry = await start({ auth: bearer({ users: ['ann:p:w'] }) });
    await expect(connect(registry, credential ? { credential } : {}).repository.manifest('1')).rejects.toThrow(
      expect.objectContaining({ code: 'unauthorized', retryable: false }),
    );
    expect(tokenRequests(registry)).toHaveLength(1);
  });

  test('a registry that refuses every token is asked twice, not for ever', async () => {
    const registry = await start({ auth: bearer() });
    registry.intercept((request, response) => {
      if (!isManifest(request)) return false;
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${registry.host}/token"` }).end();
      return true;
    });
    await expect(connect(registry).repository.manifest('1')).rejects.toThrow(
      expect.objectContaining({ code: 'unauthorized' }),
    );
    expect(registry.seen('/manifests/')).toHaveLength(2);
  });

  test('a hostile realm gets no credentials', async () => {
    let asked = 0;
    const thief = createServer((_, response) => {
      asked++;
      response.end('{"token":"x"}');
    });
    await new Promise<void>((resolve) => thief.listen(0, '127.0.0.2', resolve));
    onTestFinished(() => void thief.close());
    const realm = `http://127.0.0.2:${(thief.address() as AddressInfo).port}/token`;
    const registry = await start({ auth: bearer({ realm }) });
    await expect(connect(registry, { credential: basic }).repository.manifest('1')).rejects.toThrow(
      expect.objectContaining({ code: 'realm_refused' }),
    );
    expect(asked).toBe(0);
  });
});

describe('redirects', () => {
  test('to another origin carry no credentials, within it they do', async () => {
    const storage = await start();
    const registry = await start({ auth: { scheme: 'basic', users: ['ann:p:w'], tokens: new Set() } });
    const content = noiseOf(1000);
    const descriptor = storage.addBlob(content);
    registry.addBlob(content);
    const { repository } = connect(registry, { credential: basic });
    registry.intercept((request, response) => {
      if (!isBlob(request) || request.query.has('moved') || request.headers.authorization === undefined) return false;
      const target = request.query.has('here') ? `http://${storage.host}${request.path}` : `${request.path}?here`;
      return !!response.writeHead(307, { location: target }).end();
    });
    expect((await collect(await repository.blob(descriptor))).equals(content)).toBe(true);
    expect(
      registry
        .seen('/blobs/')
        .filter(({ headers }) => headers.authorization)
        .map(({ query }) => query.has('here')),
    ).toEqual([false, true]);
    expect(storage.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  test('credentials that were left behind do not come back', async () => {
    const registry = await start({ auth: { scheme: 'basic', users: ['ann:p:w'], tokens: new Set() } });
    const other = await start();
    other.intercept(
      (_, response) => !!response.writeHead(302, { location: `http://${registry.host}/v2/team/app/blobs/back` }).end(),
    );
    const descriptor = registry.addBlob(noiseOf(10));
    registry.intercept(
      (request, response) =>
        request.headers.authorization !== undefined &&
        isBlob(request) &&
        !!response.writeHead(302, { location: `http://${other.host}/x` }).end(),
    );
    await expect(connect(registry, { credential: basic }).repository.blob(descriptor)).rejects.toThrow(
      expect.objectContaining({ code: 'unauthorized' }),
    );
    expect(registry.seen('/blobs/back').every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  test.each([
    ['in a circle', (registry: FakeRegistry) => `http://${registry.host}/v2/team/app/blobs/sha`, 'more than 5'],
    ['to a file', () => 'file:///etc/passwd', 'not an http'],
  ])('%s are refused', async (_, location, why) => {
    const registry = await start();
    const descriptor = registry.addBlob(noiseOf(10));
    registry.intercept((__, response) => !!response.writeHead(302, { location: location(registry) }).end());
    await expect(connect(registry).repository.blob(descriptor)).rejects.toThrow(
      expect.objectContaining({ code: 'redirect_refused', message: expect.stringContaining(why) }),
    );
  });
});

describe('mirrors and proxies', () => {
  test('a mirror is asked first and by its own credentials; what it lacks comes from the registry', async () => {
    const mirror = await start();
    const registry = await start({ auth: { scheme: 'basic', users: ['ann:p:w'], tokens: new Set() } });
    const image = await addImage(registry, 'team/app', '1');
    const blob = mirror.addBlob(noiseOf(100));
    const { repository } = connect(registry, {
      credential: basic,
      hosts: { [registry.host]: { plainHttp: true, mirrors: [{ url: `http://${mirror.host}` }] } },
    });
    expect((await repository.manifest('1')).descriptor.digest).toBe(image.digest);
    await collect(await repository.blob(blob));
    expect(mirror.requests.map(({ query }) => query.get('ns'))).toEqual([registry.host, registry.host]);
    expect(mirror.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
    expect(registry.seen('/blobs/')).toHaveLength(0);
  });

  test('a mirror that may not resolve is not asked for tags, and one that is wrong is passed over', async () => {
    const mirror = await start();
    const registry = await start();
    const { digest } = await addImage(registry, 'team/app', '1');
    mirror.intercept((_, response) => !!response.writeHead(200, { 'content-type': mediaTypes.manifest }).end('{}'));
    const { repository } = connect(registry, {
      hosts: {
        [registry.host]: {
          plainHttp: true,
          mirrors: [{ url: `http://${mirror.host}/prefix`, capabilities: ['pull'] }],
        },
      },
    });
    await repository.manifest('1');
    expect(mirror.requests).toHaveLength(0);
    await repository.manifest(digest);
    expect(mirror.requests.map(({ path }) => path)).toEqual([`/prefix/v2/team/app/manifests/${digest}`]);
  });

  test("the environment's proxy is used, and never for loopback", async () => {
    const registry = await start();
    await addImage(registry, 'team/app', '1');
    const proxy = await start();
    proxy.intercept((_, response) => !!response.writeHead(418).end());
    const environment = { HTTP_PROXY: `http://${proxy.host}` };
    await connect(registry, { environment }).repository.manifest('1');
    expect(proxy.requests).toHaveLength(0);
    const client = createRegistryClient({ environment, hosts: { 'registry.example': { plainHttp: true } } });
    open.push(client);
    await expect(client.repository({ registry: 'registry.example', repository: 'a' }).manifest('1')).rejects.toThrow();
    expect(proxy.requests.length + proxy.connects).toBeGreaterThan(0);
  });
});

describe('push', () => {
  const content = noiseOf(10_000);
  const source = {
    digest: digestOf(content),
    size: content.length,
    open: (from: number, to: number) => content.subarray(from, to),
  };

  test('in one piece; what is there is not sent again', async () => {
    const registry = await start();
    const { repository } = connect(registry);
    expect(await repository.pushBlob(source)).toBe('uploaded');
    expect(await repository.pushBlob(source)).toBe('present');
    expect(Buffer.from(registry.blobs.get(source.digest)!).equals(content)).toBe(true);
    expect(registry.seen('/blobs/uploads/').map(({ method }) => method)).toEqual(['POST', 'PUT']);
    expect(registry.seen('/blobs/uploads/', 'PUT')[0]!.headers['content-length']).toBe('10000');
  });

  test('a stream is sent with its length', async () => {
    const registry = await start();
    const stream = { ...source, open: () => new Blob([Uint8Array.from(content)]).stream() };
    expect(await connect(registry).repository.pushBlob(stream)).toBe('uploaded');
    expect(registry.seen('/blobs/uploads/', 'PUT')[0]!.headers['content-length']).toBe('10000');
  });

  test('in pieces no smaller than the registry wants', async () => {
    const registry = await start({ chunkMinimum: 4000 });
    let progress = 0;
    expect(
      await connect(registry).repository.pushBlob(source, {
        chunkSize: 1000,
        onProgress: (count) => (progress += count),
      }),
    ).toBe('uploaded');
    expect(registry.seen('/blobs/uploads/', 'PATCH').map(({ headers }) => headers['content-range'])).toEqual([
      '0-3999',
      '4000-7999',
      '8000-9999',
    ]);
    expect(progress).toBe(content.length);
  });

  test('a piece that broke is continued from where the registry is', async () => {
    const registry = await start();
    registry.interceptTimes(
      1,
      ({ method, headers }) => method === 'PATCH' && headers['content-range'] === '3000-5999',
      (_, response) => !!response.destroy(),
    );
    expect(await connect(registry).repository.pushBlob(source, { chunkSize: 3000 })).toBe('uploaded');
    expect(Buffer.from(registry.blobs.get(source.digest)!).equals(content)).toBe(true);
  });

  test('a blob of a neighbour repository is mounted, with both scopes', async () => {
    const tokens = new Set<string>();
    const registry = await start({ auth: { scheme: 'bearer', users: [''], tokens } });
    const { repository } = connect(registry);
    registry.addBlob(content);
    registry.interceptTimes(
      1,
      ({ method }) => method === 'HEAD',
      (_, response) => !!response.writeHead(404).end(),
    );
    expect(await repository.pushBlob(source, { mountFrom: 'team/base' })).toBe('mounted');
    expect(registry.seen('/token').at(-1)!.query.getAll('scope')).toEqual([
      'repository:team/app:pull,push',
      'repository:team/base:pull',
    ]);
  });

  test('deleting and listing tags over many pages', async () => {
    const registry = await start();
    for (let at = 0; at < 25; at++) await addImage(registry, 'team/app', `t${at}`, { config: { Cmd: [`${at}`] } });
    const { repository } = connect(registry);
    const tags = await repository.tags({ pageSize: 10 });
    expect(tags).toEqual(Array.from({ length: 25 }, (_, at) => `t${at}`).sort());
    expect(registry.seen('/tags/list').length).toBe(3);
    await repository.delete('t3');
    expect(await repository.tags()).not.toContain('t3');
    await expect(repository.delete('t3')).rejects.toThrow(expect.objectContaining({ code: 'not_found' }));
  });

  test.each([true, false])('referrers are listed both ways (by the registry: %s)', async (referrers) => {
    const registry = await start({ referrers });
    const subject = await addImage(registry, 'team/app', '1');
    const { repository } = connect(registry);
    expect(await repository.referrers(subject.digest)).toEqual([]);
    for (const kind of ['sbom', 'signature']) {
      const parsed = {
        kind: 'manifest' as const,
        mediaType: mediaTypes.manifest,
        artifactType: `application/${kind}`,
        config: registry.addBlob(Buffer.from('{}'), mediaTypes.empty),
        layers: [],
        subject,
        annotations: { is: kind },
      };
      const { kind: _, ...body } = parsed;
      const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, ...body }));
      await repository.pushManifest({ mediaType: mediaTypes.manifest, bytes, parsed });
    }
    const types = (await repository.referrers(subject.digest)).map(({ artifactType }) => artifactType).sort();
    expect(types).toEqual(['application/sbom', 'application/signature']);
    expect(await repository.referrers(subject.digest, { artifactType: 'application/sbom' })).toHaveLength(1);
    expect(registry.manifests.has(`team/app@${referrersTag(subject.digest)}`)).toBe(!referrers);
  });
});
