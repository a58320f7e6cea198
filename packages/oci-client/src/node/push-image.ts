import type { Credential } from '../auth/credential.ts';
import type { ImageSpec } from '../build/image-spec.ts';
import type { Repository } from '../client/repository.ts';
import { OciError } from '../error.ts';
import { type Descriptor, type Platform, parseImageConfig } from '../manifest.ts';
import { isImageConfigType, mediaTypes } from '../media-types.ts';
import { parseReference, type Reference } from '../reference.ts';
import type { HostOptions } from '../transport/hosts.ts';
import { type BuiltImage, buildImage } from './build-image.ts';
import { createRegistryClient, type NodeRegistryClientOptions } from './registry-client.ts';

export interface PushOptions extends NodeRegistryClientOptions {
  readonly credential?: Credential;
  /** Registries (HOST or HOST:PORT) that speak plain http. */
  readonly plainHttp?: readonly string[];
  /** Upload blobs in pieces of this many bytes. */
  readonly chunkSize?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (bytes: number) => void;
}

export interface PushedImage {
  /** `HOST/NAME@DIGEST`. */
  readonly reference: string;
  readonly descriptor: Descriptor;
}

/**
 * Builds an image where that is still to be done, and pushes it: what the registry lacks of its blobs, the manifest last.
 *
 * @throws OciError
 */
export async function pushImage(
  image: ImageSpec | BuiltImage,
  name: string,
  options: PushOptions = {},
): Promise<PushedImage> {
  const reference = taggable(name);
  const built = 'blobs' in image ? image : await buildImage(image);
  await using client = createRegistryClient({ ...options, hosts: withPlainHttp(options.hosts, options.plainHttp) });
  const repository = client.repository(reference, options.credential);
  const { signal, chunkSize, onProgress } = options;
  // One after the other: the layer is nearly all of it, and the order of requests is the same each time.
  for (const [digest, bytes] of built.blobs) {
    await repository.pushBlob(
      { digest, size: bytes.length, open: (start, end) => bytes.subarray(start, end) },
      { signal, chunkSize, onProgress },
    );
  }
  const descriptor = await repository.pushManifest(built, reference.tag, { signal });
  return { reference: `${reference.registry}/${reference.repository}@${descriptor.digest}`, descriptor };
}

/**
 * Joins images into one index under a new name: `wigeon push --index`. Parts that are indexes give all their entries.
 * Images of other repositories of the same registry are mounted, those of other registries copied.
 *
 * @throws OciError `invalid_configuration` where a part says no platform, and those of pull and push
 */
export async function pushIndex(
  parts: readonly string[],
  name: string,
  options: PushOptions = {},
): Promise<PushedImage> {
  const reference = taggable(name);
  await using client = createRegistryClient({ ...options, hosts: withPlainHttp(options.hosts, options.plainHttp) });
  const target = client.repository(reference, options.credential);
  const { signal } = options;
  const manifests: Descriptor[] = [];
  for (const part of parts) {
    const from = parseReference(part);
    const source = client.repository(from, from.registry === reference.registry ? options.credential : undefined);
    const root = await source.manifest(from.digest ?? from.tag ?? 'latest', { signal });
    const entries = root.manifest.kind === 'index' ? root.manifest.manifests : [root.descriptor];
    for (const entry of entries) {
      const copied = await copyManifest(source, target, entry, {
        signal,
        mountFrom:
          from.registry === reference.registry && from.repository !== reference.repository
            ? from.repository
            : undefined,
      });
      const platform = entry.platform ?? copied;
      if (!platform) throw new OciError('invalid_configuration', `${part} does not say for which platform it is`);
      manifests.push({
        mediaType: entry.mediaType,
        digest: entry.digest,
        size: entry.size,
        platform,
        ...(entry.annotations ? { annotations: entry.annotations } : {}),
      });
    }
  }
  const unique = [...new Map(manifests.map((entry) => [entry.digest, entry])).values()];
  const bytes = new TextEncoder().encode(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: unique }),
  );
  const descriptor = await target.pushManifest({ mediaType: mediaTypes.index, bytes }, reference.tag, { signal });
  return { reference: `${reference.registry}/${reference.repository}@${descriptor.digest}`, descriptor };
}

/** @returns the platform that the image's config says */
async function copyManifest(
  source: Repository,
  target: Repository,
  entry: Descriptor,
  options: { signal: AbortSignal | undefined; mountFrom: string | undefined },
): Promise<Platform | undefined> {
  const { signal, mountFrom } = options;
  const { manifest, bytes } = await source.manifest(entry.digest, { signal });
  if (manifest.kind === 'index')
    throw new OciError('index_too_deep', `${entry.digest} is an index within an index; join its parts`);
  for (const blob of [manifest.config, ...manifest.layers]) {
    await target.pushBlob(
      {
        digest: blob.digest,
        size: blob.size,
        open: (start, end) => {
          if (start !== 0 || end !== blob.size) throw new RangeError('a blob is copied as a whole');
          return lazily(() => source.blob(blob, { signal }));
        },
      },
      { signal, mountFrom },
    );
  }
  await target.pushManifest({ mediaType: manifest.mediaType, bytes, parsed: manifest }, undefined, { signal });
  if (!isImageConfigType(manifest.config.mediaType) && manifest.config.mediaType !== mediaTypes.wasmConfig)
    return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of await source.blob(manifest.config, { signal })) chunks.push(chunk);
  const { os, architecture } = parseImageConfig(new Uint8Array(Buffer.concat(chunks)));
  return os && architecture ? { os, architecture } : undefined;
}

function lazily(open: () => Promise<ReadableStream<Uint8Array>>): ReadableStream<Uint8Array> {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  return new ReadableStream({
    async pull(controller) {
      reader ??= (await open()).getReader();
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader?.cancel(reason),
  });
}

/** @throws OciError `invalid_reference` for a name with a digest: what is pushed has its own */
function taggable(name: string): Reference {
  const reference = parseReference(name);
  if (reference.digest) throw new OciError('invalid_reference', `${name} names a digest; push to a tag`);
  return reference;
}

/** Adds `plainHttp` for a list of registries. */
export function withPlainHttp(
  hosts: Readonly<Record<string, HostOptions>> = {},
  plainHttp: readonly string[] = [],
): Record<string, HostOptions> {
  const all: Record<string, HostOptions> = { ...hosts };
  for (const registry of plainHttp) all[registry] = { ...all[registry], plainHttp: true };
  return all;
}
