import { type Digest, digestAlgorithm, digestHex } from '../digest.ts';
import { OciError } from '../error.ts';
import { type Descriptor, type ImageManifest, parseManifest } from '../manifest.ts';
import { mediaTypes } from '../media-types.ts';
import { fetchManifest } from './pull.ts';
import { pushManifest } from './push.ts';
import { apiUrl, type OperationOptions, origin, type Session } from './session.ts';
import { pages } from './tags.ts';

/** The tag under which clients keep the referrers of a digest where the registry does not (distribution-spec 1.1). */
export function referrersTag(digest: Digest): string {
  return `${digestAlgorithm(digest).slice(0, 32)}-${digestHex(digest).slice(0, 64)}`.replace(/[^\w.-]/g, '-');
}

/**
 * Manifests whose `subject` is the digest. Asks the registry, and where it does not know the question reads the
 * fallback tag. No referrers is an empty list.
 *
 * @param options.artifactType filters, also where the registry does not
 */
export async function listReferrers(
  session: Session,
  digest: Digest,
  options: OperationOptions & { readonly artifactType?: string } = {},
): Promise<Descriptor[]> {
  const { artifactType } = options;
  const all = (await fromApi(session, digest, options)) ?? (await fromTag(session, digest, options)) ?? [];
  return artifactType === undefined ? [...all] : all.filter((entry) => entry.artifactType === artifactType);
}

/**
 * Adds a manifest to the fallback tag of its subject. For registries that did not answer the push with `OCI-Subject`;
 * two clients doing so at once may lose one entry, as the specification concedes.
 */
export async function addToReferrersTag(
  session: Session,
  subject: Digest,
  referrer: Descriptor,
  options: OperationOptions = {},
): Promise<void> {
  const present = (await fromTag(session, subject, options)) ?? [];
  if (present.some(({ digest }) => digest === referrer.digest)) return;
  const index = {
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: [...present, referrer],
  };
  const bytes = new TextEncoder().encode(JSON.stringify(index));
  await pushManifest(session, { mediaType: mediaTypes.index, bytes }, referrersTag(subject), options);
}

/** How a manifest is listed among the referrers of its subject: its type and annotations come along. */
export function referrerDescriptor(
  descriptor: Descriptor,
  manifest: Pick<ImageManifest, 'artifactType' | 'config' | 'annotations'>,
): Descriptor {
  const artifactType = manifest.artifactType ?? manifest.config.mediaType;
  return {
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: descriptor.size,
    artifactType,
    ...(Object.keys(manifest.annotations).length > 0 ? { annotations: manifest.annotations } : {}),
  };
}

async function fromApi(
  session: Session,
  digest: Digest,
  options: OperationOptions & { readonly artifactType?: string },
): Promise<Descriptor[] | undefined> {
  const endpoint = origin(session);
  const url = apiUrl(
    endpoint,
    session.repository,
    `referrers/${digest}`,
    options.artifactType === undefined ? {} : { artifactType: options.artifactType },
  );
  let isIndex = true;
  const found: Descriptor[] = [];
  try {
    for await (const page of pages(session, url, session.credentialFor(endpoint), options, (response) => {
      isIndex &&= (response.headers.get('content-type') ?? '').startsWith(mediaTypes.index);
    })) {
      // A registry may answer 200 with something else at a path it does not know.
      if (!isIndex) return undefined;
      found.push(...entries(page));
    }
    return found;
  } catch (error) {
    if (error instanceof OciError && (error.status === 404 || error.status === 405 || error.status === 400))
      return undefined;
    throw error;
  }
}

async function fromTag(
  session: Session,
  digest: Digest,
  options: OperationOptions,
): Promise<readonly Descriptor[] | undefined> {
  try {
    const { manifest } = await fetchManifest(
      { ...session, endpoints: [origin(session)] },
      referrersTag(digest),
      options,
    );
    return manifest.kind === 'index' ? manifest.manifests : undefined;
  } catch (error) {
    if (error instanceof OciError && error.code === 'not_found') return undefined;
    throw error;
  }
}

function entries(page: unknown): readonly Descriptor[] {
  const manifest = parseManifest(new TextEncoder().encode(JSON.stringify(page)), mediaTypes.index);
  return manifest.kind === 'index' ? manifest.manifests : [];
}
