// Images for tests, in any shape, put together by hand so that they may also be wrong.
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { type Descriptor, mediaTypes } from '../src/index.ts';
import { digestOf, type FakeRegistry } from './fake-registry.ts';

/** The smallest module: magic and version. */
export const emptyModule: Uint8Array = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
export const emptyComponent: Uint8Array = Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0);

/** A WASI module whose `_start` ends with the exit code (below 64), for seeing that an image really runs. */
export function moduleThatExits(code: number): Uint8Array {
  const name = (text: string): number[] => [text.length, ...Buffer.from(text)];
  const section = (id: number, ...content: number[]): number[] => [id, content.length, ...content];
  return Uint8Array.of(
    ...emptyModule,
    ...section(1, 2, 0x60, 1, 0x7f, 0, 0x60, 0, 0),
    ...section(2, 1, ...name('wasi_snapshot_preview1'), ...name('proc_exit'), 0, 0),
    ...section(3, 1, 1),
    ...section(5, 1, 0, 1),
    ...section(7, 2, ...name('memory'), 2, 0, ...name('_start'), 0, 1),
    // i32.const CODE, call proc_exit
    ...section(10, 1, 6, 0, 0x41, code, 0x10, 0, 0x0b),
  );
}

/** A module with a custom section of so many bytes of noise, different for each seed. */
export function moduleOfSize(bytes: number, seed = 1): Uint8Array {
  const noise = noiseOf(bytes, seed);
  const size = Buffer.from([0, 0, 0, 0, 0]);
  const length = bytes + 2;
  for (let at = 0; at < 5; at++) size[at] = ((length >>> (7 * at)) & 0x7f) | (at < 4 ? 0x80 : 0);
  return new Uint8Array(Buffer.concat([emptyModule, Buffer.of(0), size, Buffer.from('\u0001n'), noise]));
}

/** Bytes that do not compress, the same for the same seed. */
export function noiseOf(bytes: number, seed = 1): Buffer {
  const noise = Buffer.alloc(Math.ceil(bytes / 4) * 4);
  let state = seed >>> 0 || 1;
  for (let at = 0; at < noise.length; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    noise.writeInt32LE(state, at);
  }
  return noise.subarray(0, bytes);
}

export type TarItem =
  | { readonly name: string; readonly content: string | Uint8Array; readonly mode?: number }
  | { readonly name: string; readonly type: 'directory' | 'fifo' | 'character-device' }
  | { readonly name: string; readonly type: 'symlink' | 'link'; readonly linkname: string };

export async function tarOf(items: readonly TarItem[]): Promise<Buffer> {
  const archive = pack();
  const chunks: Uint8Array[] = [];
  const collected = (async () => {
    for await (const chunk of archive) chunks.push(chunk as Uint8Array);
  })();
  for (const item of items) {
    if ('content' in item) {
      archive.entry(
        { name: item.name, mode: item.mode ?? 0o644, mtime: new Date(0) },
        Buffer.from(item.content as string),
      );
    } else archive.entry({ ...item, mtime: new Date(0) });
  }
  archive.finalize();
  await collected;
  return Buffer.concat(chunks);
}

export interface TestImage {
  readonly layers?: readonly (
    | readonly TarItem[]
    | { readonly tar: Uint8Array; readonly blob: Uint8Array; readonly mediaType?: string }
  )[];
  readonly config?: object;
  readonly platform?: { readonly os: string; readonly architecture: string };
  readonly annotations?: Record<string, string>;
  readonly compression?: 'gzip' | 'zstd' | 'none';
  readonly diffIds?: readonly string[];
}

/** Puts an image into a fake registry and returns its manifest's descriptor. */
export async function addImage(
  registry: FakeRegistry,
  repository: string,
  tag: string | undefined,
  image: TestImage = {},
): Promise<Descriptor> {
  const {
    layers = [[{ name: 'app.wasm', content: emptyModule }]],
    compression = 'gzip',
    platform = { os: 'wasip1', architecture: 'wasm' },
  } = image;
  const diffIds: string[] = [];
  const descriptors: Descriptor[] = [];
  for (const layer of layers) {
    const tar = 'tar' in layer ? layer.tar : await tarOf(layer);
    const blob = 'tar' in layer ? layer.blob : compressed(tar, compression);
    const own = 'tar' in layer ? layer.mediaType : undefined;
    diffIds.push(digestOf(tar));
    descriptors.push(
      registry.addBlob(
        blob,
        own ??
          (compression === 'gzip'
            ? mediaTypes.layerGzip
            : compression === 'zstd'
              ? mediaTypes.layerZstd
              : mediaTypes.layerTar),
      ),
    );
  }
  const config = {
    ...platform,
    config: image.config ?? { Entrypoint: ['/app.wasm'] },
    rootfs: { type: 'layers', diff_ids: image.diffIds ?? diffIds },
  };
  return registry.addManifest(repository, tag, {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: registry.addBlob(Buffer.from(JSON.stringify(config)), mediaTypes.config),
    layers: descriptors,
    ...(image.annotations ? { annotations: image.annotations } : {}),
  });
}

export function compressed(bytes: Uint8Array, compression: 'gzip' | 'zstd' | 'none'): Uint8Array {
  if (compression === 'gzip') return gzipSync(bytes);
  return compression === 'zstd' ? zstdCompressSync(bytes) : bytes;
}
