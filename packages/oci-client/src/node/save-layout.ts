import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Repository } from '../client/repository.ts';
import type { ResolvedImage } from '../client/resolve.ts';
import { type Digest, digestAlgorithm, digestHex } from '../digest.ts';
import type { Descriptor } from '../manifest.ts';

// As many as skopeo's.
const PARALLEL_BLOBS = 6;
const WRITE_SIZE = 256 * 1024;

export interface SaveOptions {
  readonly signal?: AbortSignal;
  /** Name in the layout's index (`org.opencontainers.image.ref.name`). */
  readonly name?: string;
  readonly onProgress?: (bytes: number) => void;
}

/**
 * Writes an image as an OCI image layout (image-spec image-layout.md): blobs as they are in the registry, each verified
 * before it gets its name; blobs that are there are kept. An index that is there is replaced.
 */
export async function saveLayout(
  repository: Repository,
  image: ResolvedImage,
  directory: string,
  options: SaveOptions = {},
): Promise<void> {
  const { signal, name, onProgress } = options;
  const { manifest, descriptor } = image;
  const manifestBytes = (await repository.manifest(descriptor.digest, { signal })).bytes;
  const waiting = [manifest.config, ...manifest.layers];
  const failed = new AbortController();
  const together = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal;
  const worker = async (): Promise<void> => {
    for (let blob = waiting.shift(); blob; blob = waiting.shift()) {
      await saveBlob(repository, blob, directory, together, onProgress);
    }
  };
  const workers = Array.from({ length: PARALLEL_BLOBS }, () =>
    worker().catch((error: unknown) => {
      failed.abort(error);
      throw error;
    }),
  );
  await Promise.allSettled(workers);
  await Promise.all(workers);
  const path = await blobPath(directory, descriptor.digest);
  await writeFile(path, manifestBytes);
  const entry = {
    ...descriptor,
    ...(name === undefined ? {} : { annotations: { 'org.opencontainers.image.ref.name': name } }),
  };
  await writeFile(join(directory, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(join(directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
}

async function saveBlob(
  repository: Repository,
  blob: Descriptor,
  directory: string,
  signal: AbortSignal,
  onProgress: ((bytes: number) => void) | undefined,
): Promise<void> {
  const path = await blobPath(directory, blob.digest);
  const present = await stat(path).catch(() => undefined);
  if (present?.size === blob.size) return;
  const unfinished = join(directory, `.${randomUUID()}`);
  const handle = await open(unfinished, 'wx');
  try {
    let pieces: Uint8Array[] = [];
    let held = 0;
    const flush = async (): Promise<void> => {
      await handle.writev(pieces);
      pieces = [];
      held = 0;
    };
    for await (const chunk of await repository.blob(blob, { signal, onProgress })) {
      pieces.push(chunk);
      held += chunk.length;
      if (held >= WRITE_SIZE) await flush();
    }
    await flush();
    await handle.close();
    await rename(unfinished, path);
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(unfinished, { force: true });
    throw error;
  }
}

async function blobPath(directory: string, digest: Digest): Promise<string> {
  const room = join(directory, 'blobs', digestAlgorithm(digest));
  await mkdir(room, { recursive: true });
  return join(room, digestHex(digest));
}
