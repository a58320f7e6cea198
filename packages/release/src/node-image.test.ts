import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import type { BuiltImage } from '@wigeon/oci-client';
import { extract } from 'tar-stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildNodeImage, ociLayout } from './index.ts';

interface Entry {
  readonly type: string | null | undefined;
  readonly mode: number | undefined;
  readonly content: Buffer;
}

const run = promisify(execFile);
let image: BuiltImage;
let files: Map<string, Entry>;
let directory: string;
beforeAll(async () => {
  image = await buildNodeImage();
  files = new Map();
  for (const layer of image.parsed.layers)
    for (const [name, entry] of await untar(gunzipSync(image.blobs.get(layer.digest)!))) files.set(name, entry);
  directory = await mkdtemp(join(tmpdir(), 'wigeon-image-'));
  await chmod(directory, 0o755);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function untar(bytes: Uint8Array): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  const tar = extract();
  tar.end(bytes);
  for await (const entry of tar) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    const { name, type, mode } = entry.header;
    entries.set(name, { type, mode, content: Buffer.concat(chunks) });
  }
  return entries;
}

test('the same sources give the same bytes', async () => {
  expect((await buildNodeImage()).descriptor).toEqual(image.descriptor);
});

test('it says how it is started: by Node, as a user without rights', () => {
  const config = JSON.parse(Buffer.from(image.blobs.get(image.parsed.config.digest)!).toString());
  expect(config).toMatchObject({
    os: 'linux',
    config: { User: '65532:65532', Entrypoint: ['/usr/local/bin/node', '/app/wigeon.mjs'] },
  });
});

test('it holds Node with the libraries it is linked to, and nothing of a distribution', () => {
  expect(files.get('usr/local/bin/node')).toMatchObject({ mode: 0o755 });
  const names = [...files.keys()];
  for (const library of [/\/libc\.so/, /\/libstdc\+\+\.so/, /\/ld-[\w-]+\.so/])
    expect(names).toContainEqual(expect.stringMatching(library));
  expect(files.get('etc/ssl/certs/ca-certificates.crt')?.content.toString()).toMatch(/^-----BEGIN CERTIFICATE/);
  expect(files.get('tmp/')).toMatchObject({ type: 'directory', mode: 0o1777 });
  expect(names).not.toContain('bin/sh');
});

test('its program runs without a node_modules, in the root of the image where the test may change it', async () => {
  for (const [name, { type, content, mode }] of files) {
    const path = join(directory, name);
    if (type === 'directory') await run('mkdir', ['-p', path]);
    else await writeFile(path, content, { mode: mode ?? 0o644 });
  }
  const program = ['/app/wigeon.mjs', '--version'];
  const { stdout } =
    process.getuid?.() === 0
      ? await run('chroot', ['--userspec=65532:65532', directory, '/usr/local/bin/node', ...program])
      : await run(process.execPath, [join(directory, program[0]!), '--version']);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test('it holds the agent that its node serves', () => {
  const assets = JSON.parse(files.get('app/agent-assets.json')!.content.toString()) as [string, { body: string }][];
  expect(assets.map(([path]) => path)).toEqual(expect.arrayContaining(['/agent.js', '/agent/frame.html']));
});

test('as an OCI layout it is complete, and carries the name that containerd gives it', async () => {
  const layout = await untar(await ociLayout(image, 'registry.example/wigeon:1'));
  const index = JSON.parse(layout.get('index.json')!.content.toString());
  expect(index.manifests).toMatchObject([
    { digest: image.descriptor.digest, annotations: { 'io.containerd.image.name': 'registry.example/wigeon:1' } },
  ]);
  for (const { digest } of [image.descriptor, image.parsed.config, ...image.parsed.layers])
    expect([...layout.keys()]).toContain(`blobs/${digest.replace(':', '/')}`);
});
