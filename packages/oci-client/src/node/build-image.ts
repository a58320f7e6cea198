import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { pack } from 'tar-stream';
import type { ImageFile, ImageSpec } from '../build/image-spec.ts';
import type { Digest } from '../digest.ts';
import { OciError } from '../error.ts';
import { type Descriptor, type ImageManifest, parseManifest } from '../manifest.ts';
import { mediaTypes } from '../media-types.ts';
import { wasmKind } from '../wasm/check-module.ts';

export interface BuiltImage {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly parsed: ImageManifest;
  readonly descriptor: Descriptor;
  /** Config and layers by digest. */
  readonly blobs: ReadonlyMap<Digest, Uint8Array>;
}

const EPOCH = new Date(0);

/** The bytes of an image. Equal specs give equal bytes: no time, no user, no order of a directory is in them. */
export async function buildImage(spec: ImageSpec): Promise<BuiltImage> {
  const blobs = new Map<Digest, Uint8Array>();
  const add = (mediaType: string, bytes: Uint8Array): Descriptor => {
    const digest = sha256(bytes);
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const { config, layers } = spec.as === 'artifact' ? artifact(spec, add) : await rootfs(spec, add);
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config,
    layers,
    ...(spec.subject ? { subject: spec.subject } : {}),
    ...(Object.keys(spec.annotations).length > 0 ? { annotations: sorted(spec.annotations) } : {}),
  };
  const bytes = json(manifest);
  const parsed = parseManifest(bytes, mediaTypes.manifest) as ImageManifest;
  return {
    mediaType: mediaTypes.manifest,
    bytes,
    parsed,
    descriptor: {
      mediaType: mediaTypes.manifest,
      digest: sha256(bytes),
      size: bytes.length,
      platform: spec.platform,
    },
    blobs,
  };
}

type Add = (mediaType: string, bytes: Uint8Array) => Descriptor;

/** tag-runtime.cncf.io "Wasm OCI Artifact layout": the layer is the module, the config names its digest. */
function artifact(spec: ImageSpec, add: Add): { config: Descriptor; layers: Descriptor[] } {
  const component = wasmKind(spec.module) === 'component';
  const layer = add(mediaTypes.wasm, spec.module);
  const config = {
    created: EPOCH.toISOString().replace('.000', ''),
    architecture: 'wasm',
    os: component ? 'wasip2' : 'wasip1',
    layerDigests: [layer.digest],
  };
  return { config: add(mediaTypes.wasmConfig, json(config)), layers: [layer] };
}

async function rootfs(spec: ImageSpec, add: Add): Promise<{ config: Descriptor; layers: Descriptor[] }> {
  const tar = await archive([...spec.files, { path: spec.path, content: spec.module, mode: 0o755 }]);
  const compressed = spec.compression === 'gzip' ? await promisify(gzip)(tar, { level: 9 }) : tar;
  const config = {
    created: EPOCH.toISOString().replace('.000', ''),
    architecture: spec.platform.architecture,
    os: spec.platform.os,
    config: {
      ...(spec.env.length > 0 ? { Env: spec.env } : {}),
      Entrypoint: spec.entrypoint,
      ...(spec.cmd.length > 0 ? { Cmd: spec.cmd } : {}),
      WorkingDir: spec.workingDir,
    },
    rootfs: { type: 'layers', diff_ids: [sha256(tar)] },
    history: [{ created: EPOCH.toISOString().replace('.000', ''), created_by: 'wigeon push' }],
  };
  const layer = add(spec.compression === 'gzip' ? mediaTypes.layerGzip : mediaTypes.layerTar, compressed);
  return { config: add(mediaTypes.config, json(config)), layers: [layer] };
}

/** A tar archive of files and the directories they need, in the order of their paths. */
async function archive(files: readonly ImageFile[]): Promise<Uint8Array> {
  const byPath = new Map<string, ImageFile | undefined>();
  for (const file of files) {
    const path = file.path.slice(1);
    if (byPath.get(path)) throw new OciError('invalid_configuration', `/${path} is added twice`);
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth++) {
      const parent = parts.slice(0, depth).join('/');
      if (byPath.get(parent)) throw new OciError('invalid_configuration', `/${parent} is a file and a directory`);
      byPath.set(parent, undefined);
    }
    if (byPath.has(path)) throw new OciError('invalid_configuration', `/${path} is a file and a directory`);
    byPath.set(path, file);
  }
  const out = pack();
  const chunks: Uint8Array[] = [];
  const collected = (async () => {
    for await (const chunk of out) chunks.push(chunk as Uint8Array);
  })();
  for (const [path, file] of [...byPath].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const common = { uid: 0, gid: 0, uname: '', gname: '', mtime: EPOCH };
    if (file) out.entry({ ...common, name: path, mode: file.mode ?? 0o644 }, Buffer.from(file.content));
    else out.entry({ ...common, name: `${path}/`, type: 'directory', mode: 0o755 });
  }
  out.finalize();
  await collected;
  return new Uint8Array(Buffer.concat(chunks));
}

function sha256(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function sorted(map: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}
