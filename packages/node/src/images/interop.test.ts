// Images that other tools make: Debian's umoci, skopeo and buildah, from a real registry.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { WASI } from 'node:wasi';
import { imageFromModule, pushImage } from '@wigeon/oci-client';
import {
  type DebianRegistry,
  digestOf,
  moduleOfSize,
  moduleThatExits,
  requirePrograms,
  startDebianRegistry,
} from '@wigeon/oci-client/test';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Bundle, ImageStore } from './index.ts';

const execute = promisify(execFile);
const resources = new AsyncDisposableStack();
let scratch: string;
let registry: DebianRegistry;
let store: ImageStore;

beforeAll(async () => {
  await requirePrograms('docker-registry', 'skopeo', 'umoci', 'buildah');
  scratch = await mkdtemp(join(tmpdir(), 'wigeon-made-by-'));
  resources.defer(() => rm(scratch, { recursive: true }));
  registry = resources.use(await startDebianRegistry());
  store = resources.use(await ImageStore.open({ directory: join(scratch, 'store'), plainHttp: [registry.host] }));
});
afterAll(() => resources.disposeAsync());

const run = (command: string, ...args: string[]): Promise<{ stdout: string }> =>
  execute(command, args, { cwd: scratch });
const pull = async (name: string): Promise<Bundle> => {
  const { bundle } = await store.ensure({
    image: `${registry.host}/${name}`,
    pullPolicy: 'IfNotPresent',
    signal: new AbortController().signal,
  });
  return bundle;
};

/** Runs the bundle's module with Node's own WASI and returns its exit code. */
async function exitCodeOf(bundle: Bundle): Promise<number> {
  const location = await store.blob(bundle.module.digest);
  const bytes = await readFile(location!.path);
  const wasi = new WASI({ version: 'preview1', args: [...bundle.entrypoint, ...bundle.cmd] });
  const { instance } = await WebAssembly.instantiate(bytes, wasi.getImportObject() as WebAssembly.Imports);
  return wasi.start(instance);
}

test('an image made by umoci and copied by skopeo runs; its manifest has no mediaType', async () => {
  await writeFile(join(scratch, 'app.wasm'), moduleThatExits(11));
  await run('umoci', 'init', '--layout', 'umoci');
  await run('umoci', 'new', '--image', 'umoci:1');
  await run('umoci', 'insert', '--rootless', '--image', 'umoci:1', 'app.wasm', '/app.wasm');
  await run(
    'umoci',
    'config',
    '--image',
    'umoci:1',
    '--os',
    'wasi',
    '--architecture',
    'wasm',
    '--config.entrypoint',
    '/app.wasm',
    '--config.cmd',
    'one',
  );
  await run(
    'skopeo',
    '--insecure-policy',
    'copy',
    '--dest-tls-verify=false',
    'oci:umoci:1',
    `docker://${registry.host}/umoci:1`,
  );
  const bundle = await pull('umoci:1');
  expect(bundle).toMatchObject({ entrypoint: ['/app.wasm'], cmd: ['one'] });
  expect(await exitCodeOf(bundle)).toBe(11);
});

test.each(['zstd', 'gzip'])('the same compressed with %s by skopeo runs', async (format) => {
  await run(
    'skopeo',
    '--insecure-policy',
    'copy',
    '--dest-compress',
    '--dest-compress-format',
    format,
    'oci:umoci:1',
    `dir:${format}`,
  );
  await run(
    'skopeo',
    '--insecure-policy',
    'copy',
    '--dest-tls-verify=false',
    '--dest-compress-format',
    format,
    `dir:${format}`,
    `docker://${registry.host}/${format}:1`,
  );
  expect(await exitCodeOf(await pull(`${format}:1`))).toBe(11);
});

test('a compat image made by umoci: linux, annotated', async () => {
  await run(
    'umoci',
    'config',
    '--image',
    'umoci:1',
    '--tag',
    'compat',
    '--os',
    'linux',
    '--architecture',
    'amd64',
    '--manifest.annotation',
    'module.wasm.image/variant=compat-smart',
  );
  await run(
    'skopeo',
    '--insecure-policy',
    'copy',
    '--dest-tls-verify=false',
    'oci:umoci:compat',
    `docker://${registry.host}/compat:1`,
  );
  expect(await exitCodeOf(await pull('compat:1'))).toBe(11);
});

test.each(['docker', 'oci'])('an image of two layers with a whiteout, made by buildah as %s, runs', async (format) => {
  await writeFile(join(scratch, 'old.txt'), 'old');
  await writeFile(join(scratch, 'b.wasm'), moduleThatExits(12));
  const buildah = (...args: string[]): Promise<{ stdout: string }> =>
    run(
      'buildah',
      '--storage-driver',
      'vfs',
      '--root',
      join(scratch, 'root'),
      '--runroot',
      join(scratch, 'run'),
      ...args,
    );
  const first = (await buildah('from', 'scratch')).stdout.trim();
  await buildah('copy', first, 'old.txt', '/data/old.txt');
  await buildah('commit', '--format', format, first, `localhost/base-${format}`);
  const second = (await buildah('from', `localhost/base-${format}`)).stdout.trim();
  const mounted = (await buildah('mount', second)).stdout.trim();
  await rm(join(mounted, 'data/old.txt'));
  await buildah('umount', second);
  await buildah('copy', second, 'b.wasm', '/bin/b.wasm');
  await buildah('config', '--os', 'wasi', '--arch', 'wasm', '--entrypoint', '["b.wasm"]', '--env', 'PATH=/bin', second);
  await buildah(
    'commit',
    '--format',
    format,
    '--tls-verify=false',
    second,
    `docker://${registry.host}/buildah-${format}:1`,
  );
  const bundle = await pull(`buildah-${format}:1`);
  expect(bundle.files.map(({ path }) => path)).toEqual(['bin', 'bin/b.wasm', 'data']);
  expect(bundle.env).toContain('PATH=/bin');
  expect(await exitCodeOf(bundle)).toBe(12);
});

test('a Wasm image of 60 MB arrives whole, and the second start transfers nothing', async () => {
  const module = moduleOfSize(60_000_000, 7);
  const image = `${registry.host}/large:1`;
  await pushImage(imageFromModule(module), image, { plainHttp: [registry.host] });
  const signal = new AbortController().signal;
  const first = await store.ensure({ image, pullPolicy: 'Always', signal });
  expect(first.pulled?.transferred).toBeGreaterThan(59_000_000);
  expect(first.bundle.module).toEqual({ digest: digestOf(module), size: module.length });
  const second = await store.ensure({ image, pullPolicy: 'Always', signal });
  expect(second.pulled?.transferred).toBe(0);
  expect(second.bundle).toEqual(first.bundle);
});
