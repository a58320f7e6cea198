import type { Digest } from '@wigeon/oci-client';
import type { AccessRecord, ImageRecord, NameRecord, RecordStore } from './image-records.ts';
import type { LayerStore } from './layer-store.ts';
import type { ModuleStore } from './module-store.ts';
import { contentOf } from './puller.ts';

/** When to collect and how far; bytes on disk. */
export interface Watermarks {
  /** Nothing happens below it. */
  readonly high: number;
  readonly low: number;
  /** Milliseconds since an image was last of use before it may go; the kubelet's default is two minutes. */
  readonly minimumAge?: number;
}

export interface Collected {
  readonly layers: LayerStore;
  readonly modules: ModuleStore;
  readonly images: RecordStore<ImageRecord>;
  readonly names: RecordStore<NameRecord>;
  readonly access: RecordStore<AccessRecord>;
  /** What pulls under way have brought already. */
  readonly pinned: { isPinned(digest: Digest): boolean };
  readonly forget: (manifest: Digest) => void;
}

const MINIMUM_AGE = 120_000;

/** The kubelet's image garbage collection, by bytes of the store: least recently used first, what is in use never. */
export async function collectGarbage(
  stores: Collected,
  { high, low, minimumAge = MINIMUM_AGE }: Watermarks,
  inUse: ReadonlySet<string>,
  now: number,
): Promise<{ before: number; after: number }> {
  const before = bytesOnDisk(stores);
  if (before <= high) return { before, after: before };
  const rootsInUse = new Set([...inUse].map((image) => image.slice(image.indexOf('@') + 1)));
  const pinned = new Set<Digest>();
  for (const { record } of stores.names.all()) if (rootsInUse.has(record.root)) pinned.add(record.manifest);
  const candidates = [...stores.images.all()]
    .filter(({ record, usedAt }) => !pinned.has(record.manifest) && now - usedAt >= minimumAge)
    .sort((a, b) => a.usedAt - b.usedAt);
  // What no image needs goes first: the rest of broken pulls.
  await sweep(stores);
  for (const { record } of candidates) {
    if (bytesOnDisk(stores) <= low) break;
    await removeImage(stores, record);
    await sweep(stores);
  }
  return { before, after: bytesOnDisk(stores) };
}

export function bytesOnDisk({ layers, modules }: Pick<Collected, 'layers' | 'modules'>): number {
  let total = 0;
  for (const { bytes } of layers.all()) total += bytes;
  for (const [, bytes] of modules.all()) total += bytes;
  return total;
}

/** The record goes before what it names, so that no record is ever without its content. */
async function removeImage({ images, names, access, forget }: Collected, image: ImageRecord): Promise<void> {
  const roots = new Set<Digest>();
  for (const { record } of [...names.all()]) {
    if (record.manifest !== image.manifest) continue;
    roots.add(record.root);
    await names.remove(record);
  }
  for (const { record } of [...access.all()]) {
    if (roots.has(record.image.slice(record.image.indexOf('@') + 1) as Digest)) await access.remove(record);
  }
  await images.remove(image);
  forget(image.manifest);
}

async function sweep({ layers, modules, images, pinned }: Collected): Promise<void> {
  const needed = new Set<Digest>();
  const files = new Set<Digest>();
  for (const { record } of images.all()) for (const digest of contentOf(record)) needed.add(digest);
  for (const layer of [...layers.all()]) {
    if (!needed.has(layer.digest) && !pinned.isPinned(layer.digest)) await layers.remove(layer.digest);
    else for (const entry of layer.entries) if (entry.type === 'file') files.add(entry.digest);
  }
  for (const [digest] of [...modules.all()]) {
    if (!needed.has(digest) && !files.has(digest) && !pinned.isPinned(digest)) await modules.remove(digest);
  }
}
