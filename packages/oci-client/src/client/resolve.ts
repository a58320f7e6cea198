import { OciError } from '../error.ts';
import { type Descriptor, type ImageIndex, type ImageManifest, manifestLimit } from '../manifest.ts';
import { formatPlatform, type PlatformChoice, rankPlatforms } from '../platform.ts';
import { type FetchedManifest, fetchManifest } from './pull.ts';
import type { OperationOptions, Session } from './session.ts';

export interface ResolvedImage {
  /** What the tag or digest named: an index or a manifest. Its digest identifies the image. */
  readonly root: Descriptor;
  readonly manifest: ImageManifest;
  readonly descriptor: Descriptor;
  /** Of the manifest, of the entries that led to it, and of the index; the inner ones win. */
  readonly annotations: Readonly<Record<string, string>>;
}

// buildx nests nothing, `docker manifest` one deep; more is a mistake or an attack.
const DEEPEST_NESTING = 2;

/**
 * The manifest to run, from a tag or digest that may name an index (nested ones are searched).
 *
 * @throws OciError `no_wasm` if an index has no entry for us, `index_too_deep`, and those of `fetchManifest`
 */
export async function resolveImage(
  session: Session,
  tagOrDigest: string,
  choice: PlatformChoice,
  options: OperationOptions = {},
): Promise<ResolvedImage> {
  const root = await fetchManifest(session, tagOrDigest, options);
  return resolveFetched(session, root, choice, options);
}

/** As `resolveImage`, from a manifest that is here already. */
export async function resolveFetched(
  session: Session,
  root: FetchedManifest,
  choice: PlatformChoice,
  options: OperationOptions = {},
): Promise<ResolvedImage> {
  const found = await search(session, root, choice, options, 0);
  if (found) return { root: root.descriptor, ...found };
  const index = root.manifest as ImageIndex;
  const platforms = index.manifests.flatMap(({ platform }) => (platform ? [formatPlatform(platform)] : []));
  throw new OciError(
    'no_wasm',
    `no Wasm in this image: its index offers ${platforms.length > 0 ? [...new Set(platforms)].join(', ') : 'nothing'}; ` +
      'wanted is wasip1/wasm or wasi/wasm (a linux image that holds Wasm says so by the annotation module.wasm.image/variant=compat)',
  );
}

async function search(
  session: Session,
  fetched: FetchedManifest,
  choice: PlatformChoice,
  options: OperationOptions,
  depth: number,
): Promise<Omit<ResolvedImage, 'root'> | undefined> {
  const { manifest, descriptor } = fetched;
  if (manifest.kind === 'manifest') return { manifest, descriptor, annotations: manifest.annotations };
  if (depth > DEEPEST_NESTING) {
    throw new OciError('index_too_deep', `indexes are nested more than ${DEEPEST_NESTING} deep`);
  }
  for (const entry of rankPlatforms(manifest, choice)) {
    if (entry.size > manifestLimit) {
      throw new OciError(
        'manifest_too_large',
        `the manifest ${entry.digest} has ${entry.size} bytes; ${manifestLimit} are allowed`,
      );
    }
    const inner = await fetchManifest(session, entry.digest, options).catch((error: unknown) => {
      // image-spec image-index.md: unknown media types are passed over.
      if (error instanceof OciError && error.code === 'unsupported_media_type') return undefined;
      throw error;
    });
    const found = inner && (await search(session, inner, choice, options, depth + 1));
    if (found)
      return { ...found, annotations: { ...manifest.annotations, ...entry.annotations, ...found.annotations } };
  }
  return undefined;
}
