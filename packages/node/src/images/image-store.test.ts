import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LayerLimits } from '@wigeon/oci-client';
import {
  addImage,
  digestOf,
  emptyComponent,
  emptyModule,
  FakeRegistry,
  moduleOfSize,
  noiseOf,
  tarOf,
} from '@wigeon/oci-client/test';
import { afterEach, describe, expect, test } from 'vitest';
import {
  type EnsuredImage,
  type ImageError,
  type ImageRequest,
  ImageStore,
  imagePullDelay,
  type PullSecret,
} from './index.ts';
import { readPart } from './module-store.ts';

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const each of cleanup.splice(0).reverse()) await each();
});

interface Place {
  readonly registry: FakeRegistry;
  readonly directory: string;
  readonly store: ImageStore;
  /** Closes the store and opens it again, as a restart of the node does. */
  reopen(options?: { now?: () => number }): Promise<ImageStore>;
}

async function place(
  options: { auth?: Parameters<typeof FakeRegistry.start>[0]; limits?: Partial<LayerLimits>; now?: () => number } = {},
): Promise<Place> {
  const registry = await FakeRegistry.start(options.auth);
  const directory = await mkdtemp(join(tmpdir(), 'wigeon-images-'));
  cleanup.push(
    () => rm(directory, { recursive: true }),
    () => registry[Symbol.asyncDispose](),
  );
  const reopen = async (more: { now?: () => number } = {}): Promise<ImageStore> => {
    const store = await ImageStore.open({
      directory,
      plainHttp: [registry.host],
      ...(options.limits ? { limits: options.limits } : {}),
      ...(options.now ? { now: options.now } : {}),
      ...more,
    });
    cleanup.push(() => store[Symbol.asyncDispose]());
    return store;
  };
  return { registry, directory, store: await reopen(), reopen };
}

const request = (registry: FakeRegistry, name = 'app:1', more: Partial<ImageRequest> = {}): ImageRequest => ({
  image: `${registry.host}/${name}`,
  pullPolicy: 'IfNotPresent',
  signal: new AbortController().signal,
  ...more,
});

const failure = (promise: Promise<EnsuredImage>): Promise<ImageError> =>
  promise.then(
    () => expect.fail('it did not fail'),
    (error) => error,
  );

/** Files in the store that are not records or keys. */
async function leftovers(directory: string): Promise<string[]> {
  const inside = await Promise.all(
    ['tmp', 'layers', 'modules', 'images'].map(async (room) =>
      (await readdir(join(directory, room))).map((name) => `${room}/${name}`),
    ),
  );
  return inside.flat();
}

async function contentOf(store: ImageStore, digest: string): Promise<Buffer> {
  const location = await store.blob(digest);
  if (!location) throw new Error(`${digest} is not in the store`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of readPart(location)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

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

describe('credentials', () => {
  const users = (...names: string[]) => ({
    auth: { auth: { scheme: 'basic' as const, users: names.map((name) => `${name}:pw`), tokens: new Set<string>() } },
  });
  const secret = (registry: FakeRegistry, ...names: string[]): PullSecret[] =>
    names.map((name) => ({
      type: 'kubernetes.io/dockerconfigjson',
      data: { '.dockerconfigjson': JSON.stringify({ auths: { [registry.host]: { auth: btoa(`${name}:pw`) } } }) },
    }));

  test('all that match are tried', async () => {
    const { registry, store } = await place(users('ann'));
    await addImage(registry, 'app', '1');
    expect((await failure(store.ensure(request(registry)))).code).toBe('ErrImagePull');
    await store.ensure(request(registry, 'app:1', { secrets: secret(registry, 'rotated', 'ann') }));
  });

  test('secrets of other types and without data are passed over; one that is not JSON is told', async () => {
    const { registry, store } = await place(users('ann'));
    await addImage(registry, 'app', '1');
    const odd: PullSecret[] = [
      { type: 'Opaque', data: { '.dockerconfigjson': '!' } },
      { type: 'kubernetes.io/dockerconfigjson', data: {} },
    ];
    await store.ensure(request(registry, 'app:1', { secrets: [...odd, ...secret(registry, 'ann')] }));
    const broken: PullSecret[] = [{ type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': '!' } }];
    expect((await failure(store.ensure(request(registry, 'app:1', { secrets: broken })))).message).toContain(
      'not JSON',
    );
  });

  test('an image pulled with a secret is not handed to a pod without one (KEP-2535)', async () => {
    const { registry, store, reopen } = await place(users('ann', 'bob'));
    await addImage(registry, 'app', '1');
    const ann = secret(registry, 'ann');
    await store.ensure(request(registry, 'app:1', { secrets: ann }));
    expect((await failure(store.ensure(request(registry)))).code).toBe('ErrImagePull');
    expect((await failure(store.ensure(request(registry, 'app:1', { secrets: secret(registry, 'eve') })))).code).toBe(
      'ErrImagePull',
    );
    expect((await failure(store.ensure(request(registry, 'app:1', { pullPolicy: 'Never' })))).code).toBe(
      'ErrImageNeverPull',
    );
    // One who may have it is asked about once, and nothing is transferred.
    const bob = request(registry, 'app:1', { secrets: secret(registry, 'bob') });
    expect((await store.ensure(bob)).pulled?.transferred).toBe(0);
    expect((await store.ensure(bob)).pulled).toBeNull();
    const later = await reopen();
    expect((await later.ensure(request(registry, 'app:1', { secrets: ann }))).pulled).toBeNull();
    expect((await failure(later.ensure(request(registry)))).code).toBe('ErrImagePull');
  });

  test("a registry that claims the digest of another's image does not get it handed out", async () => {
    const { registry, store } = await place(users('ann'));
    const { digest } = await addImage(registry, 'private', '1');
    await store.ensure(request(registry, 'private:1', { secrets: secret(registry, 'ann') }));
    registry.intercept(({ path, method }, response) => {
      if (!path.startsWith('/v2/evil/')) return false;
      response.writeHead(method === 'HEAD' ? 200 : 404, { 'docker-content-digest': digest });
      response.end();
      return true;
    });
    expect((await failure(store.ensure(request(registry, 'evil:1')))).code).toBe('ErrImagePull');
  });

  test('secrets are not on the disk', async () => {
    const { registry, store, directory } = await place({
      auth: { auth: { scheme: 'basic', users: ['ann:very-secret'], tokens: new Set() } },
    });
    await addImage(registry, 'app', '1');
    const data = {
      '.dockerconfigjson': JSON.stringify({ auths: { [registry.host]: { username: 'ann', password: 'very-secret' } } }),
    };
    await store.ensure(request(registry, 'app:1', { secrets: [{ type: 'kubernetes.io/dockerconfigjson', data }] }));
    for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
      if (entry.isFile())
        expect((await readFile(join(entry.parentPath, entry.name))).includes('very-secret')).toBe(false);
    }
  });
});

describe('garbage collection', () => {
  test('removes what was of use longest ago down to the low mark, and never what is in use or young', async () => {
    let now = 1_000_000;
    const { registry, store } = await place({ now: () => now });
    const bundles = new Map<string, string>();
    for (const name of ['a', 'b', 'c', 'd']) {
      await addImage(registry, name, '1', {
        layers: [[{ name: 'app.wasm', content: moduleOfSize(100_000, name.charCodeAt(0)) }]],
      });
      bundles.set(name, (await store.ensure(request(registry, `${name}:1`))).bundle.imageId);
      now += 60_000;
    }
    await store.ensure(request(registry, 'b:1'));
    now += 150_000;
    const watermarks = { high: 300_000, low: 450_000, minimumAge: 120_000 };
    expect((await store.collectGarbage({ ...watermarks, high: 10_000_000 }, new Set())).before).toBeGreaterThan(
      800_000,
    );
    const { after } = await store.collectGarbage(watermarks, new Set([bundles.get('a')!]));
    expect(after).toBeLessThanOrEqual(450_000);
    expect(
      store
        .list()
        .flatMap(({ names }) => names.map((name) => name.split('/')[1]))
        .filter((name) => name!.includes(':1'))
        .sort(),
    ).toEqual(['a:1', 'b:1']);
    // What is gone comes again when asked for.
    expect((await store.ensure(request(registry, 'c:1'))).pulled?.transferred).toBeGreaterThan(100_000);
    expect((await store.collectGarbage({ high: 0, low: 0, minimumAge: 120_000 }, new Set())).after).toBeGreaterThan(
      100_000,
    );
  });

  test('keeps the layers that images share', async () => {
    let now = 1_000_000;
    const { registry, store } = await place({ now: () => now });
    const base = [{ name: 'base', content: noiseOf(100_000) }];
    await addImage(registry, 'one', '1', { layers: [base, [{ name: 'app.wasm', content: emptyModule }]] });
    await addImage(registry, 'two', '1', { layers: [base, [{ name: 'app.wasm', content: moduleOfSize(10) }]] });
    await store.ensure(request(registry, 'one:1'));
    now += 1000;
    const two = await store.ensure(request(registry, 'two:1'));
    now += 1_000_000;
    await store.collectGarbage({ high: 0, low: 0 }, new Set([two.bundle.imageId]));
    expect((await contentOf(store, digestOf(noiseOf(100_000)))).length).toBe(100_000);
    expect(store.list()).toHaveLength(1);
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

/** The digest of the only layer of the newest manifest. */
function manifestLayer(registry: FakeRegistry): string {
  const { bytes } = [...registry.manifests.values()].at(-1)!;
  return JSON.parse(new TextDecoder().decode(bytes)).layers[0].digest;
}
