import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addImage, digestOf, emptyModule, moduleOfSize, noiseOf, tarOf } from '@wigeon/oci-client/test';
import { describe, expect, test } from 'vitest';
import { contentOf, failure, leftovers, manifestLayer, place, request } from './fixtures/place.ts';

describe('a bundle', () => {
  test('is the checked module, every file by digest, and what the config says', async () => {
    const { registry, store } = await place();
    const module = moduleOfSize(5000);
    const image = await addImage(registry, 'app', '1', {
      layers: [
        [
          { name: 'bin/app.wasm', content: module },
          { name: 'etc/old', content: 'old' },
        ],
        [
          { name: 'etc/.wh.old', content: '' },
          { name: 'etc/new', content: 'new' },
        ],
      ],
      config: { Entrypoint: ['bin/app.wasm'], Cmd: ['x'], Env: ['A=b'], WorkingDir: '/' },
    });
    const events: string[] = [];
    const { bundle, pulled } = await store.ensure(
      request(registry, 'app:1', { onPulling: () => events.push('pulling') }),
    );
    expect(bundle).toMatchObject({
      imageId: `${registry.host}/app@${image.digest}`,
      module: { digest: digestOf(module), size: module.length },
      function: '_start',
      entrypoint: ['bin/app.wasm'],
      cmd: ['x'],
      env: ['A=b'],
      workingDir: '/',
    });
    expect(bundle.files.map(({ path }) => path)).toEqual(['bin', 'bin/app.wasm', 'etc', 'etc/new']);
    expect(pulled?.transferred).toBe(pulled?.bytes);
    expect(events).toEqual(['pulling']);
    expect((await contentOf(store, digestOf(module))).equals(module)).toBe(true);
    expect((await contentOf(store, digestOf(Buffer.from('new')))).toString()).toBe('new');
  });

  test("of an artifact is its layer, started under the image's name", async () => {
    const { registry, store } = await place();
    const layer = registry.addBlob(emptyModule, 'application/wasm');
    registry.addManifest('team/tool', '1', {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: registry.addBlob(Buffer.from('{}'), 'application/vnd.wasm.config.v0+json'),
      layers: [layer],
    });
    const { bundle } = await store.ensure(request(registry, 'team/tool:1', { command: ['tool#run'] }));
    expect(bundle).toMatchObject({
      module: { digest: layer.digest },
      function: 'run',
      entrypoint: ['tool'],
      files: [],
    });
  });

  test("takes the module that the pod's command names", async () => {
    const { registry, store } = await place();
    const other = moduleOfSize(100);
    await addImage(registry, 'app', '1', {
      layers: [
        [
          { name: 'app.wasm', content: emptyModule },
          { name: 'other.wasm', content: other },
        ],
      ],
    });
    await store.ensure(request(registry));
    const { bundle, pulled } = await store.ensure(request(registry, 'app:1', { command: ['/other.wasm'] }));
    expect(pulled).toBeNull();
    expect(bundle.module.digest).toBe(digestOf(other));
  });

  test('of a linux image needs an annotation, of the pod if not of the image', async () => {
    const { registry, store } = await place();
    await addImage(registry, 'app', '1', { platform: { os: 'linux', architecture: 'amd64' } });
    expect((await failure(store.ensure(request(registry)))).code).toBe('ErrImageNotWasm');
    const annotations = { 'module.wasm.image/variant': 'compat' };
    await store.ensure(request(registry, 'app:1', { annotations }));
  });
});

describe('pull policy', () => {
  test('IfNotPresent asks nobody the second time, even after a restart', async () => {
    const { registry, store, reopen } = await place();
    await addImage(registry, 'app', '1');
    const first = await store.ensure(request(registry));
    const asked = registry.requests.length;
    expect(await (await reopen()).ensure(request(registry))).toEqual({ bundle: first.bundle, pulled: null });
    expect(registry.requests.length).toBe(asked);
  });

  test('Always asks what the tag is now and transfers nothing if it is the same', async () => {
    const { registry, store } = await place();
    await addImage(registry, 'app', '1');
    await store.ensure(request(registry));
    const asked = registry.requests.length;
    const again = await store.ensure(request(registry, 'app:1', { pullPolicy: 'Always' }));
    expect(again.pulled?.transferred).toBe(0);
    expect(registry.requests.slice(asked).map(({ method }) => method)).toEqual(['HEAD']);
    const module = moduleOfSize(10);
    await addImage(registry, 'app', '1', { layers: [[{ name: 'app.wasm', content: module }]] });
    expect((await store.ensure(request(registry, 'app:1', { pullPolicy: 'Always' }))).bundle.module.digest).toBe(
      digestOf(module),
    );
  });

  test('a registry without HEAD is asked by GET', async () => {
    const { registry, store } = await place();
    await addImage(registry, 'app', '1');
    registry.intercept(({ method }, response) => method === 'HEAD' && !!response.writeHead(405).end());
    expect((await store.ensure(request(registry))).bundle.module.size).toBe(8);
  });

  test('Never asks nobody and says what is missing', async () => {
    const { registry, store } = await place();
    await addImage(registry, 'app', '1');
    const never = request(registry, 'app:1', { pullPolicy: 'Never' });
    expect(await failure(store.ensure(never))).toMatchObject({ code: 'ErrImageNeverPull', retryable: false });
    expect(registry.requests).toHaveLength(0);
    await store.ensure(request(registry));
    expect((await store.ensure(never)).pulled).toBeNull();
  });

  test('layers and images that are here already are not transferred again under another name', async () => {
    const { registry, store } = await place();
    const base = { name: 'base', content: noiseOf(50_000) };
    const layer = [base];
    await addImage(registry, 'one', '1', { layers: [layer, [{ name: 'app.wasm', content: emptyModule }]] });
    await addImage(registry, 'two', '1', { layers: [layer, [{ name: 'app.wasm', content: moduleOfSize(10) }]] });
    await store.ensure(request(registry, 'one:1'));
    expect((await store.ensure(request(registry, 'two:1'))).pulled?.transferred).toBeLessThan(5000);
    registry.manifests.set('one@2', registry.manifests.get('one@1')!);
    expect((await store.ensure(request(registry, 'one:2'))).pulled?.transferred).toBe(0);
  });

  test('many pods that start at once share one pull', async () => {
    const { registry, store } = await place();
    await addImage(registry, 'app', '1', { layers: [[{ name: 'app.wasm', content: moduleOfSize(100_000) }]] });
    await Promise.all(Array.from({ length: 20 }, () => store.ensure(request(registry))));
    const layers = registry
      .seen('/blobs/')
      .filter(({ method, path }) => method === 'GET' && path.includes(manifestLayer(registry)));
    expect(layers).toHaveLength(1);
  });

  test('a pull that fails does not fail another one that waited for the same layer', async () => {
    const { registry, store } = await place();
    for (const name of ['bad', 'good']) await addImage(registry, name, '1');
    const layer = manifestLayer(registry);
    const arrived = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    registry.intercept(async ({ path }, response) => {
      if (!path.startsWith('/v2/bad/blobs/') || !path.includes(layer)) return false;
      arrived.resolve();
      await go.promise;
      return !!response.writeHead(403).end();
    });
    const bad = failure(store.ensure(request(registry, 'bad:1')));
    await arrived.promise;
    const waiting = Promise.withResolvers<void>();
    registry.intercept(({ path }) => {
      // The config is the last thing that is asked for before the layer.
      if (path.startsWith('/v2/good/blobs/')) waiting.resolve();
      return false;
    });
    const good = store.ensure(request(registry, 'good:1'));
    await waiting.promise;
    go.resolve();
    expect((await bad).code).toBe('ErrImagePull');
    expect((await good).bundle.module.size).toBe(8);
  });

  test('one pod that gives up does not end the pull of another', async () => {
    const { registry, store } = await place();
    await addImage(registry, 'app', '1');
    const layer = manifestLayer(registry);
    const arrived = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    registry.intercept(async ({ path }) => {
      if (!path.includes(layer)) return false;
      arrived.resolve();
      await go.promise;
      return false;
    });
    const abort = new AbortController();
    const impatient = store.ensure(request(registry, 'app:1', { signal: abort.signal }));
    const patient = store.ensure(request(registry));
    await arrived.promise;
    abort.abort(new Error('the pod is gone'));
    await expect(impatient).rejects.toThrow('the pod is gone');
    go.resolve();
    expect((await patient).bundle.module.size).toBe(8);
  });
});

describe('the disk', () => {
  test('what an earlier process left unfinished or broken is removed, and the image is pulled again', async () => {
    const { registry, directory, store, reopen } = await place();
    await addImage(registry, 'app', '1');
    await store.ensure(request(registry));
    await writeFile(join(directory, 'tmp', 'half'), 'x');
    const [layer] = await readdir(join(directory, 'layers'));
    await writeFile(join(directory, 'layers', layer!, 'index.json'), '{"version":1,"entr');
    for (const [room, text] of [
      ['images', 'not json'],
      ['names', '{"version":2}'],
      ['modules', ''],
    ] as const)
      await writeFile(join(directory, room, 'stray'), text);
    const again = await reopen();
    expect(await leftovers(directory)).toHaveLength(2);
    expect((await again.ensure(request(registry))).pulled?.transferred).toBeGreaterThan(0);
    expect(await readdir(join(directory, 'tmp'))).toEqual([]);
  });

  test('status.images lists names by tag and by digest with the size', async () => {
    const { registry, store } = await place();
    const { digest } = await addImage(registry, 'app', '1');
    const { pulled } = await store.ensure(request(registry));
    expect(store.list()).toEqual([
      { names: [`${registry.host}/app:1`, `${registry.host}/app@${digest}`], sizeBytes: pulled!.bytes },
    ]);
  });

  test('a layer of many small files with equal contents keeps each content once', async () => {
    const { registry, store, directory } = await place();
    const items = Array.from({ length: 1000 }, (_, at) => ({
      name: `f${at}`,
      content: at % 2 ? 'odd'.repeat(1000) : 'even'.repeat(1000),
    }));
    await addImage(registry, 'app', '1', { layers: [[...items, { name: 'app.wasm', content: emptyModule }]] });
    await store.ensure(request(registry));
    const [layer] = await readdir(join(directory, 'layers'));
    expect((await readFile(join(directory, 'layers', layer!, 'pack'))).length).toBe(3000 + 4000 + 8);
    expect((await contentOf(store, digestOf(Buffer.from('odd'.repeat(1000))))).toString()).toBe('odd'.repeat(1000));
    expect((await tarOf(items)).length).toBeGreaterThan(3_000_000);
  });
});
