import type { Digest } from '../digest.ts';
import type { Descriptor, ImageManifest } from '../manifest.ts';
import type { PlatformChoice } from '../platform.ts';
import { type BlobOptions, fetchBlob } from './blob.ts';
import { type FetchedManifest, fetchManifest, headManifest } from './pull.ts';
import {
  type BlobSource,
  deleteManifest,
  hasBlob,
  type PushBlobOptions,
  type PushOutcome,
  pushBlob,
  pushManifest,
} from './push.ts';
import { addToReferrersTag, listReferrers, referrerDescriptor } from './referrers.ts';
import { type ResolvedImage, resolveFetched, resolveImage } from './resolve.ts';
import type { OperationOptions, Session } from './session.ts';
import { listTags } from './tags.ts';

/** One repository of one registry, spoken to with one credential. Holds no connection; make as many as needed. */
export class Repository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Such as `library/alpine`. */
  get name(): string {
    return this.#session.repository;
  }

  /** @see fetchManifest */
  manifest(tagOrDigest: string, options?: OperationOptions): Promise<FetchedManifest> {
    return fetchManifest(this.#session, tagOrDigest, options);
  }

  /** @see headManifest */
  head(tagOrDigest: string, options?: OperationOptions): Promise<Descriptor | undefined> {
    return headManifest(this.#session, tagOrDigest, options);
  }

  /** @see resolveImage */
  resolve(tagOrDigest: string, choice: PlatformChoice, options?: OperationOptions): Promise<ResolvedImage> {
    return resolveImage(this.#session, tagOrDigest, choice, options);
  }

  /** @see resolveFetched */
  resolveFetched(root: FetchedManifest, choice: PlatformChoice, options?: OperationOptions): Promise<ResolvedImage> {
    return resolveFetched(this.#session, root, choice, options);
  }

  /** @see fetchBlob */
  blob(descriptor: Descriptor, options?: BlobOptions): Promise<ReadableStream<Uint8Array>> {
    return fetchBlob(this.#session, descriptor, options);
  }

  /** @see hasBlob */
  hasBlob(digest: Digest, options?: OperationOptions): Promise<boolean> {
    return hasBlob(this.#session, digest, options);
  }

  /** @see pushBlob */
  pushBlob(source: BlobSource, options?: PushBlobOptions): Promise<PushOutcome> {
    return pushBlob(this.#session, source, options);
  }

  /** Stores a manifest; one with a `subject` is listed among its referrers, whether the registry does that or not. */
  async pushManifest(
    manifest: { readonly mediaType: string; readonly bytes: Uint8Array; readonly parsed?: ImageManifest },
    tag?: string,
    options: OperationOptions & { readonly algorithm?: 'sha256' | 'sha512' } = {},
  ): Promise<Descriptor> {
    const { descriptor, subjectIndexed } = await pushManifest(this.#session, manifest, tag, options);
    const { parsed } = manifest;
    if (parsed?.subject && !subjectIndexed) {
      await addToReferrersTag(this.#session, parsed.subject.digest, referrerDescriptor(descriptor, parsed), options);
    }
    return descriptor;
  }

  /** @see deleteManifest */
  delete(tagOrDigest: string, options?: OperationOptions): Promise<void> {
    return deleteManifest(this.#session, tagOrDigest, options);
  }

  /** @see listTags */
  tags(options?: OperationOptions & { readonly pageSize?: number }): Promise<string[]> {
    return listTags(this.#session, options);
  }

  /** @see listReferrers */
  referrers(digest: Digest, options?: OperationOptions & { readonly artifactType?: string }): Promise<Descriptor[]> {
    return listReferrers(this.#session, digest, options);
  }
}
