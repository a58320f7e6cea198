// Against registries and tools of others: Debian's docker-registry 2.8, distribution v3 of the playground,
// go-containerregistry, skopeo.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startPlayground } from '@wigeon/playground';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  buildImage,
  createRegistryClient,
  type Digest,
  imageFromModule,
  mediaTypes,
  OciError,
  type PushOptions,
  pushImage,
  pushIndex,
  type Repository,
} from '../src/index.ts';
import { digestOf } from './fake-registry.ts';
import { moduleOfSize, moduleThatExits, noiseOf } from './images.ts';
import { requirePrograms } from './tools/debian-packages.ts';
import { debianUser, startDebianRegistry } from './tools/debian-registry.ts';
import { requireCrane, startReferrersRegistry } from './tools/go-containerregistry.ts';

const run = promisify(execFile);
const resources = new AsyncDisposableStack();
let scratch: string;

beforeAll(async () => {
  await requirePrograms('docker-registry', 'skopeo', 'htpasswd', 'openssl');
  scratch = await mkdtemp(join(tmpdir(), 'wigeon-interop-'));
  resources.defer(() => rm(scratch, { recursive: true }));
});
afterAll(() => resources.disposeAsync());

const credential = { kind: 'basic', ...debianUser } as const;

interface Kind {
  readonly name: string;
  readonly start: () => Promise<AsyncDisposable & { readonly host: string }>;
  readonly credential?: PushOptions['credential'];
  readonly referrersApi: boolean;
}

const kinds: readonly Kind[] = [
  { name: 'docker-registry 2.8', start: () => startDebianRegistry(), referrersApi: false },
  {
    name: 'docker-registry 2.8 with htpasswd',
    start: () => startDebianRegistry('htpasswd'),
    credential,
    referrersApi: false,
  },
  {
    name: 'docker-registry 2.8 with a token server',
    start: () => startDebianRegistry('token'),
    credential,
    referrersApi: false,
  },
  {
    name: 'distribution v3',
    start: async () => {
      const playground = await startPlayground();
      return { host: playground.registry, [Symbol.asyncDispose]: () => playground[Symbol.asyncDispose]() };
    },
    referrersApi: false,
  },
  { name: 'go-containerregistry', start: startReferrersRegistry, referrersApi: true },
];

describe.each(kinds)('$name', ({ start, credential, referrersApi }) => {
  let host: string;
  let options: PushOptions;
  let repository: Repository;

  beforeAll(async () => {
    const registry = resources.use(await start());
    ({ host } = registry);
    options = { plainHttp: [host], ...(credential ? { credential } : {}) };
    const client = resources.use(createRegistryClient({ hosts: { [host]: { plainHttp: true } } }));
    repository = client.repository({ registry: host, repository: 'team/app' }, credential);
  });

  test('an image is pushed, and comes back byte for byte', async () => {
    const image = await buildImage(
      imageFromModule(moduleOfSize(300_000), { env: ['A=b'], files: [{ path: '/etc/x', content: Buffer.from('x') }] }),
    );
    const pushed = await pushImage(image, `${host}/team/app:1`, options);
    const { bytes, manifest } = await repository.manifest('1');
    expect(Buffer.from(bytes).equals(image.bytes)).toBe(true);
    expect((await repository.head('1'))?.digest).toBe(pushed.descriptor.digest);
    if (manifest.kind !== 'manifest') throw new Error('not a manifest');
    for (const blob of [manifest.config, ...manifest.layers]) {
      expect((await collect(await repository.blob(blob))).equals(image.blobs.get(blob.digest)!)).toBe(true);
    }
  });

  test('an artifact is pushed in pieces', async () => {
    const image = await buildImage(imageFromModule(moduleOfSize(150_000, 2), { as: 'artifact' }));
    await pushImage(image, `${host}/team/app:artifact`, { ...options, chunkSize: 60_000 });
    const { manifest } = await repository.manifest('artifact');
    expect(manifest).toMatchObject({
      config: { mediaType: mediaTypes.wasmConfig },
      layers: [{ mediaType: mediaTypes.wasm }],
    });
  });

  test("what is there is not uploaded again, and a neighbour's blob is mounted", async () => {
    const bytes = noiseOf(1000);
    const source = {
      digest: digestOf(bytes),
      size: bytes.length,
      open: (from: number, to: number) => bytes.subarray(from, to),
    };
    expect(await repository.pushBlob(source)).toBe('uploaded');
    expect(await repository.pushBlob(source)).toBe('present');
    const neighbour = resources
      .use(createRegistryClient({ hosts: { [host]: { plainHttp: true } } }))
      .repository({ registry: host, repository: 'team/next' }, credential);
    // A registry that shares blobs between repositories has nothing to mount.
    expect(await neighbour.pushBlob(source, { mountFrom: 'team/app' })).toBe(referrersApi ? 'present' : 'mounted');
  });

  test('two images become one index, and the Wasm entry is found in it', async () => {
    await pushImage(imageFromModule(moduleOfSize(100), { platform: 'linux/amd64' }), `${host}/team/linux:1`, options);
    const wasm = await pushImage(imageFromModule(moduleOfSize(200)), `${host}/team/wasm:1`, options);
    const index = await pushIndex([`${host}/team/linux:1`, `${host}/team/wasm:1`], `${host}/team/app:multi`, options);
    const resolved = await repository.resolve('multi', { components: false, annotations: {} });
    expect(resolved.root.digest).toBe(index.descriptor.digest);
    expect(resolved.descriptor.digest).toBe(wasm.descriptor.digest);
    expect(resolved.descriptor.digest).not.toBe(resolved.root.digest);
  });

  test('tags are listed, sorted, and referrers found the way this registry knows', async () => {
    const subject = await pushImage(imageFromModule(moduleOfSize(300)), `${host}/team/app:subject`, options);
    expect(await repository.referrers(subject.descriptor.digest)).toEqual([]);
    const referrer = await pushImage(
      imageFromModule(moduleOfSize(301), {
        as: 'artifact',
        subject: subject.descriptor,
        annotations: { is: 'a referrer' },
      }),
      `${host}/team/app:referrer`,
      options,
    );
    const found = await repository.referrers(subject.descriptor.digest);
    expect(found.map(({ digest }) => digest)).toEqual([referrer.descriptor.digest]);
    const tags = await repository.tags({ pageSize: 2 });
    expect(tags).toEqual(expect.arrayContaining(['1', 'artifact', 'multi', 'referrer', 'subject']));
    expect(tags).toEqual(tags.toSorted());
    // None of these answers a push with OCI-Subject, so the fallback tag is kept for all; one answers the question itself.
    expect(tags.some((tag) => tag.startsWith('sha256-'))).toBe(true);
    if (!credential) {
      const answer = await fetch(`http://${host}/v2/team/app/referrers/${subject.descriptor.digest}`);
      expect(answer.status).toBe(referrersApi ? 200 : 404);
    }
  });

  test('what is missing is an error with its code', async () => {
    await expect(repository.manifest('none')).rejects.toThrow(expect.objectContaining({ code: 'not_found' }));
    const missing: Digest = digestOf(Buffer.from('missing'));
    await expect(repository.blob({ mediaType: 'x', digest: missing, size: 7 })).rejects.toThrow(
      expect.objectContaining({ code: 'not_found' }),
    );
    expect(await repository.hasBlob(missing)).toBe(false);
  });

  if (credential) {
    test('wrong credentials are refused', async () => {
      const wrong = {
        ...options,
        credential: { ...credential, password: 'wrong' } as PushOptions['credential'] & object,
      };
      const error = await pushImage(imageFromModule(moduleOfSize(10)), `${host}/team/app:no`, wrong).catch(
        (error) => error,
      );
      expect(error).toBeInstanceOf(OciError);
      expect(error.code).toBe('unauthorized');
    });
  }

  test('skopeo inspects and copies what we push', async () => {
    const creds = credential ? ['--src-creds', `${debianUser.username}:${debianUser.password}`] : [];
    const target = join(scratch, `skopeo-${host.replace(':', '-')}`);
    const pushed = await pushImage(
      imageFromModule(moduleThatExits(3), { entrypoint: ['/app.wasm'] }),
      `${host}/team/app:skopeo`,
      options,
    );
    await run('skopeo', [
      '--insecure-policy',
      'copy',
      '--src-tls-verify=false',
      ...creds,
      `docker://${host}/team/app:skopeo`,
      `oci:${target}:1`,
    ]);
    const index = JSON.parse(await readFile(join(target, 'index.json'), 'utf8'));
    expect(index.manifests[0].digest).toBe(pushed.descriptor.digest);
    const { stdout } = await run('skopeo', [
      'inspect',
      '--tls-verify=false',
      ...creds.map((word) => word.replace('--src-', '--')),
      '--config',
      `docker://${host}/team/app:skopeo`,
    ]);
    expect(JSON.parse(stdout)).toMatchObject({
      os: 'wasip1',
      architecture: 'wasm',
      config: { Entrypoint: ['/app.wasm'] },
    });
  });

  if (!credential) {
    test('crane validates, copies and reads what we push', async () => {
      const crane = await requireCrane();
      const pushed = await pushImage(imageFromModule(moduleThatExits(4)), `${host}/team/app:crane`, options);
      await run(crane, ['validate', '--remote', `${host}/team/app:crane`]);
      await run(crane, ['copy', `${host}/team/app:crane`, `${host}/team/copied:1`]);
      expect((await run(crane, ['digest', `${host}/team/copied:1`])).stdout.trim()).toBe(pushed.descriptor.digest);
      const { stdout } = await run(crane, ['export', `${host}/team/copied:1`, '-'], { encoding: 'buffer' });
      expect(stdout.includes(Buffer.from(moduleThatExits(4)))).toBe(true);
    });
  }
});

test('a token is asked for with just the scopes that are needed, and anonymous users pull what is public', async () => {
  await using registry = await startDebianRegistry('token');
  const { host } = registry;
  const module = imageFromModule(moduleOfSize(10));
  await pushImage(module, `${host}/public/app:1`, { plainHttp: [host], credential });
  expect(new Set(registry.tokenRequests.flat())).toEqual(
    new Set(['repository:public/app:pull', 'repository:public/app:pull,push']),
  );
  await using client = createRegistryClient({ hosts: { [host]: { plainHttp: true } } });
  await client.repository({ registry: host, repository: 'public/app' }).manifest('1');
  await pushImage(module, `${host}/private/app:1`, { plainHttp: [host], credential });
  await expect(client.repository({ registry: host, repository: 'private/app' }).manifest('1')).rejects.toThrow(
    expect.objectContaining({ code: 'unauthorized' }),
  );
});

async function collect(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
