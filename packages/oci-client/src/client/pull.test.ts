import { describe, expect, test } from 'vitest';
import { collect, connect, isBlob, isManifest, start } from '../../test/connect.ts';
import { addImage, type FakeRegistry, noiseOf } from '../../test/index.ts';
import { mediaTypes } from '../media-types.ts';

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

  test('that fall silent are continued', async () => {
    const registry = await start();
    const descriptor = registry.addBlob(content);
    registry.interceptTimes(1, isBlob, (_, response) => {
      response.writeHead(200, { 'content-length': content.length }).write(content.subarray(0, 1000));
      return true;
    });
    const { repository } = connect(registry, { idleTimeout: 300 });
    expect((await collect(await repository.blob(descriptor))).equals(content)).toBe(true);
    expect(registry.seen('/blobs/').at(-1)!.headers.range).toBe('bytes=1000-');
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
