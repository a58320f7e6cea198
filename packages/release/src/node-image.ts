import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type BuiltImage, type Descriptor, type Digest, mediaTypes } from '@wigeon/oci-client';
import { bundleProgram, programEntry } from './bundle-program.ts';
import { type LayerFile, layerTar } from './layer.ts';
import { linuxRuntime, user } from './linux-runtime.ts';

const created = '1970-01-01T00:00:00Z';
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/**
 * The image of `wigeon node`, for this machine's architecture, made without a container engine: one layer with Node and
 * what it is linked to, one with the program. The same sources and the same Node give the same bytes.
 */
export async function buildNodeImage(): Promise<BuiltImage> {
  const program = await bundleProgram();
  const app: LayerFile[] = [...program].map(([name, content]) => ({ path: `/app/${name}`, content }));
  const blobs = new Map<Digest, Uint8Array>();
  const add = (mediaType: string, bytes: Uint8Array): Descriptor => {
    const digest = sha256(bytes);
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const layers: Descriptor[] = [];
  const diffIds: Digest[] = [];
  for (const files of [await linuxRuntime(), app]) {
    const tar = await layerTar(files);
    diffIds.push(sha256(tar));
    layers.push(add(mediaTypes.layerGzip, await promisify(gzip)(tar)));
  }
  const platform = { os: 'linux', architecture: architectures[process.arch] ?? process.arch };
  const config = add(
    mediaTypes.config,
    json({
      created,
      ...platform,
      config: {
        User: `${user.id}:${user.id}`,
        Env: ['PATH=/usr/local/bin', 'NODE_ENV=production', 'SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt'],
        Entrypoint: ['/usr/local/bin/node', `/app/${programEntry}`],
        WorkingDir: '/',
      },
      rootfs: { type: 'layers', diff_ids: diffIds },
      history: ['Node', 'wigeon'].map((created_by) => ({ created, created_by })),
    }),
  );
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers };
  const bytes = json(manifest);
  return {
    mediaType: mediaTypes.manifest,
    bytes,
    parsed: { kind: 'manifest', mediaType: mediaTypes.manifest, config, layers, annotations: {} },
    descriptor: { mediaType: mediaTypes.manifest, digest: sha256(bytes), size: bytes.length, platform },
    blobs,
  };
}

function sha256(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
