import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { FakeRegistry, moduleOfSize } from '../../test/index.ts';
import { imageFromModule } from '../build/image-spec.ts';
import { mediaTypes } from '../media-types.ts';
import { buildImage } from './build-image.ts';
import { pushImage, pushIndex } from './push-image.ts';

const module = moduleOfSize(1000);

describe('an image from a module', () => {
  test('has the same bytes each time, whatever the order of its files', async () => {
    const files = [
      { path: '/b/two', content: Buffer.from('2') },
      { path: '/a', content: Buffer.from('1'), mode: 0o600 },
    ];
    const [one, two] = await Promise.all([
      buildImage(imageFromModule(module, { files })),
      buildImage(imageFromModule(module, { files: files.toReversed() })),
    ]);
    expect(one.descriptor).toEqual(two.descriptor);
    expect((await buildImage(imageFromModule(moduleOfSize(1001)))).descriptor.digest).not.toBe(one.descriptor.digest);
  });

  test('of a fixed module has this digest: a change of the bytes is a change of every release', async () => {
    const { descriptor } = await buildImage(
      imageFromModule(module, { compression: 'none', env: ['A=b'], annotations: { z: '1', a: '2' } }),
    );
    expect(descriptor.digest).toMatchInlineSnapshot(
      `"sha256:5a481871ed53b48c904c91322f3737a73e29192ce8a5b601faf0b25c6f413aad"`,
    );
  });

  test('is a root file system with its config', async () => {
    const image = await buildImage(
      imageFromModule(module, {
        path: '/bin/app.wasm',
        env: ['A=b'],
        cmd: ['x'],
        workingDir: '/bin',
        platform: 'wasi/wasm',
      }),
    );
    const config = JSON.parse(new TextDecoder().decode(image.blobs.get(image.parsed.config.digest)));
    expect(config).toMatchObject({
      os: 'wasi',
      architecture: 'wasm',
      config: { Entrypoint: ['/bin/app.wasm'], Cmd: ['x'], Env: ['A=b'], WorkingDir: '/bin' },
    });
    expect(gunzipSync(image.blobs.get(image.parsed.layers[0]!.digest)!).includes('bin/app.wasm')).toBe(true);
  });

  test.each([
    ['something else than Wasm', () => imageFromModule(Buffer.from('#!/bin/sh')), 'wasm_malformed'],
    ['a relative path', () => imageFromModule(module, { path: 'app.wasm' }), 'invalid_configuration'],
    ['.. in a path', () => imageFromModule(module, { path: '/a/../b' }), 'invalid_configuration'],
    ['a platform of one word', () => imageFromModule(module, { platform: 'wasm' }), 'invalid_configuration'],
    ['an environment entry without a name', () => imageFromModule(module, { env: ['=x'] }), 'invalid_configuration'],
    [
      'files in an artifact',
      () => imageFromModule(module, { as: 'artifact', files: [{ path: '/x', content: module }] }),
      'invalid_configuration',
    ],
  ])('%s is refused', (_, make, code) => {
    expect(make).toThrow(expect.objectContaining({ code }));
  });

  test.each([
    ['twice', '/x', '/x'],
    ['as file and directory', '/x', '/x/y'],
    ['as directory and file', '/x/y', '/x'],
  ])('a path %s is refused', async (_, first, second) => {
    const files = [first, second].map((path) => ({ path, content: module }));
    await expect(buildImage(imageFromModule(module, { files }))).rejects.toThrow(
      expect.objectContaining({ code: 'invalid_configuration' }),
    );
  });
});

describe('an index', () => {
  test('holds the entries of its parts once, with their platforms', async () => {
    await using registry = await FakeRegistry.start();
    const options = { plainHttp: [registry.host] };
    const name = (path: string): string => `${registry.host}/${path}`;
    await pushImage(imageFromModule(module, { platform: 'linux/amd64' }), name('a:linux'), options);
    await pushImage(imageFromModule(module), name('b:wasm'), options);
    await pushImage(imageFromModule(module, { as: 'artifact' }), name('c:artifact'), options);
    await pushIndex([name('a:linux'), name('b:wasm')], name('d:two'), options);
    await pushIndex([name('d:two'), name('b:wasm'), name('c:artifact')], name('d:all'), options);
    const { bytes } = registry.manifests.get('d@all')!;
    const index = JSON.parse(new TextDecoder().decode(bytes));
    expect(index.mediaType).toBe(mediaTypes.index);
    expect(index.manifests.map(({ platform }: { platform: object }) => platform)).toEqual([
      { os: 'linux', architecture: 'amd64' },
      { os: 'wasip1', architecture: 'wasm' },
      { os: 'wasip1', architecture: 'wasm' },
    ]);
  });

  test('of images in another registry copies them', async () => {
    await using one = await FakeRegistry.start();
    await using two = await FakeRegistry.start();
    const options = { plainHttp: [one.host, two.host] };
    await pushImage(imageFromModule(module), `${one.host}/app:1`, options);
    const pushed = await pushIndex([`${one.host}/app:1`], `${two.host}/copy:1`, options);
    expect(pushed.reference).toBe(`${two.host}/copy@${pushed.descriptor.digest}`);
    expect([...two.blobs.keys()].sort()).toEqual([...one.blobs.keys()].sort());
  });

  test('of an image that is damaged is not pushed, and the reason is told', async () => {
    await using one = await FakeRegistry.start();
    await using two = await FakeRegistry.start();
    const options = { plainHttp: [one.host, two.host] };
    const image = await buildImage(imageFromModule(module));
    await pushImage(image, `${one.host}/app:1`, options);
    const { digest, size } = image.parsed.layers[0]!;
    one.blobs.set(digest, Buffer.alloc(size));
    await expect(pushIndex([`${one.host}/app:1`], `${two.host}/copy:1`, options)).rejects.toThrow(
      expect.objectContaining({ code: 'digest_mismatch' }),
    );
    expect(two.blobs.has(digest)).toBe(false);
    expect(two.manifests.size).toBe(0);
  });

  test('is not pushed to a digest', async () => {
    await expect(pushIndex([], `localhost/a@sha256:${'0'.repeat(64)}`)).rejects.toThrow(
      expect.objectContaining({ code: 'invalid_reference' }),
    );
  });
});
