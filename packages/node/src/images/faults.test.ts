import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { LayerLimits } from '@wigeon/oci-client';
import { addImage, digestOf, emptyComponent, type FakeRegistry, moduleOfSize } from '@wigeon/oci-client/test';
import { describe, expect, test } from 'vitest';
import { contentOf, failure, leftovers, manifestLayer, place, request } from './fixtures/place.ts';
import { type ImageError, imagePullDelay } from './index.ts';

describe('what goes wrong', () => {
  const cases: [
    string,
    (registry: FakeRegistry) => Promise<unknown>,
    ImageError['code'],
    boolean,
    Partial<LayerLimits>?,
  ][] = [
    ['no such image', async () => {}, 'ErrImagePull', true],
    [
      'no Wasm in the image',
      (registry) => addImage(registry, 'app', '1', { layers: [[{ name: 'app.wasm', content: '#!/bin/sh' }]] }),
      'ErrImageNotWasm',
      false,
    ],
    [
      'a component',
      (registry) => addImage(registry, 'app', '1', { layers: [[{ name: 'app.wasm', content: emptyComponent }]] }),
      'ErrComponentNotSupported',
      false,
    ],
    [
      'a truncated module',
      (registry) =>
        addImage(registry, 'app', '1', {
          layers: [[{ name: 'app.wasm', content: moduleOfSize(100).subarray(0, -1) }]],
        }),
      'ErrModuleMalformed',
      false,
    ],
    [
      'no file at the entrypoint',
      (registry) => addImage(registry, 'app', '1', { config: { Entrypoint: ['/missing'] } }),
      'ErrEntrypointNotFound',
      false,
    ],
    [
      'a path that leaves the image',
      (registry) => addImage(registry, 'app', '1', { layers: [[{ name: '../../escape', content: 'x' }]] }),
      'ErrImagePull',
      true,
    ],
    [
      'a wrong diff_id',
      (registry) => addImage(registry, 'app', '1', { diffIds: [digestOf(Buffer.from('x'))] }),
      'ErrImagePull',
      true,
    ],
    ['fewer diff_ids than layers', (registry) => addImage(registry, 'app', '1', { diffIds: [] }), 'ErrImagePull', true],
    [
      'too many files',
      (registry) =>
        addImage(registry, 'app', '1', {
          layers: [Array.from({ length: 50 }, (_, at) => ({ name: `f${at}`, content: '' }))],
        }),
      'ErrImagePull',
      true,
      { entries: 49 },
    ],
    [
      'a gzip bomb',
      (registry) =>
        addImage(registry, 'app', '1', { layers: [[{ name: 'zeros', content: Buffer.alloc(20_000_000) }]] }),
      'ErrImagePull',
      true,
      { ratioFrom: 1_000_000 },
    ],
    [
      'a blob that is not there',
      async (registry) => {
        await addImage(registry, 'app', '1');
        registry.blobs.delete(manifestLayer(registry));
      },
      'ErrImagePull',
      true,
    ],
    [
      'a blob that is another',
      async (registry) => {
        await addImage(registry, 'app', '1');
        const layer = manifestLayer(registry);
        registry.blobs.set(layer, Buffer.from(registry.blobs.get(layer)!).fill(1, 20, 21));
      },
      'ErrImagePull',
      true,
    ],
  ];
  test.each(cases)(
    '%s: a clear reason, nothing partial, and the next pull works',
    async (_, prepare, code, retryable, limits) => {
      const { registry, directory, store } = await place(limits ? { limits } : {});
      await prepare(registry);
      const error = await failure(store.ensure(request(registry)));
      expect(error).toMatchObject({ code, waitingReason: code, retryable });
      expect(error.message.length).toBeGreaterThan(10);
      expect(await readdir(join(directory, 'tmp'))).toEqual([]);
      if (code === 'ErrImagePull') expect(await leftovers(directory)).toEqual([]);
      registry.blobs.clear();
      await addImage(registry, 'app', '1');
      expect((await store.ensure(request(registry, 'app:1', { pullPolicy: 'Always' }))).bundle.module.size).toBe(8);
    },
  );

  describe('a large layer', () => {
    const large = { name: 'app.wasm', content: moduleOfSize(6_000_000) };

    test('is unpacked', async () => {
      const { registry, store } = await place();
      await addImage(registry, 'app', '1', { layers: [[large, { name: 'x', content: 'x' }]] });
      const { bundle } = await store.ensure(request(registry));
      expect((await contentOf(store, bundle.module.digest)).equals(large.content)).toBe(true);
      expect(bundle.files.map(({ path }) => path)).toEqual(['app.wasm', 'x']);
    });

    test.each<[string, Parameters<typeof addImage>[3], Partial<LayerLimits>, string]>([
      ['a wrong diff_id', { layers: [[large]], diffIds: [digestOf(Buffer.from('x'))] }, {}, 'diff_id_mismatch'],
      ['a path that leaves it', { layers: [[large, { name: '../x', content: '' }]] }, {}, 'layer_path'],
      ['too many bytes', { layers: [[large]] }, { bytes: 5_000_000 }, 'layer_limit'],
      [
        'too many bytes with its neighbour',
        { layers: [[large], [{ ...large, content: moduleOfSize(6_000_000, 2) }]] },
        { bytes: 10_000_000 },
        'layer_limit',
      ],
    ])('%s is told', async (_, image, limits, code) => {
      const { registry, store, directory } = await place({ limits });
      await addImage(registry, 'app', '1', image);
      const error = await failure(store.ensure(request(registry)));
      expect(error).toMatchObject({ code: 'ErrImagePull', cause: { code } });
      expect(await readdir(join(directory, 'tmp'))).toEqual([]);
    });

    test('ends with the pod that wanted it', async () => {
      const { registry, store, directory } = await place();
      await addImage(registry, 'app', '1', { layers: [[large]] });
      const layer = manifestLayer(registry);
      const abort = new AbortController();
      registry.intercept(({ path, method }, response) => {
        if (!path.includes(layer) || method !== 'GET') return false;
        response
          .writeHead(200)
          .write(registry.blobs.get(layer)!.subarray(0, 3_000_000), () => abort.abort(new Error('the pod is gone')));
        return true;
      });
      await expect(store.ensure(request(registry, 'app:1', { signal: abort.signal }))).rejects.toThrow(
        'the pod is gone',
      );
      registry.stopIntercepting();
      await store.ensure(request(registry));
      expect(await readdir(join(directory, 'tmp'))).toEqual([]);
    });
  });

  test('a connection cut in the middle of a layer is no failure', async () => {
    const { registry, store } = await place();
    await addImage(registry, 'app', '1', { layers: [[{ name: 'app.wasm', content: moduleOfSize(300_000) }]] });
    const layer = manifestLayer(registry);
    const bytes = registry.blobs.get(layer)!;
    registry.interceptTimes(
      1,
      ({ path, method }) => path.includes(layer) && method === 'GET',
      (_, response) => {
        response
          .writeHead(200, { 'content-length': bytes.length })
          .write(bytes.subarray(0, 100_000), () => setImmediate(() => response.destroy()));
        return true;
      },
    );
    expect((await store.ensure(request(registry))).bundle.module.size).toBeGreaterThan(300_000);
  });

  test('a name that is none', async () => {
    const { store, registry } = await place();
    expect(await failure(store.ensure({ ...request(registry), image: 'Not A Name' }))).toMatchObject({
      code: 'InvalidImageName',
      retryable: false,
    });
  });

  test("back-off is the kubelet's", () => {
    expect([0, 1, 2, 3, 4, 5, 6, 1000].map(imagePullDelay)).toEqual(
      [10, 20, 40, 80, 160, 300, 300, 300].map((seconds) => seconds * 1000),
    );
  });
});
