import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Descriptor,
  type Digest,
  digestHex,
  type FileSink,
  isDigest,
  type LayerBudget,
  type LayerEntry,
  unpackLayer,
} from '@wigeon/oci-client';
import { syncDirectory, type TemporaryNames } from '../disk/index.ts';

/** Where the bytes of a file are. */
export interface BlobLocation {
  readonly path: string;
  readonly offset: number;
  readonly size: number;
}

/** What a layer says, and where its files begin in its pack. */
export interface StoredLayer {
  readonly digest: Digest;
  readonly entries: readonly LayerEntry[];
  /** Bytes on disk. */
  readonly bytes: number;
}

interface LayerIndex {
  readonly version: 1;
  readonly entries: readonly LayerEntry[];
  readonly offsets: Readonly<Record<string, number>>;
}

const BUFFER = 1024 * 1024;

/**
 * Unpacked layers. Each is a directory with two files: `pack`, the contents of its files one after the other, and
 * `index.json`. So a layer of ten thousand files costs two `fsync`s, and a directory that has its name is complete.
 */
export class LayerStore {
  readonly #directory: string;
  readonly #temporary: TemporaryNames;
  readonly #layers = new Map<Digest, StoredLayer>();
  readonly #files = new Map<string, BlobLocation & { readonly layer: Digest }>();

  private constructor(directory: string, temporary: TemporaryNames) {
    this.#directory = directory;
    this.#temporary = temporary;
  }

  static async open(directory: string, temporary: TemporaryNames): Promise<LayerStore> {
    await mkdir(directory, { recursive: true });
    const store = new LayerStore(directory, temporary);
    for (const name of await readdir(directory)) {
      const digest = name.replace('-', ':');
      if (!isDigest(digest) || !(await store.#load(digest))) {
        await rm(join(directory, name), { recursive: true, force: true });
      }
    }
    return store;
  }

  get(digest: Digest): StoredLayer | undefined {
    return this.#layers.get(digest);
  }

  all(): IterableIterator<StoredLayer> {
    return this.#layers.values();
  }

  file(digest: string): BlobLocation | undefined {
    return this.#files.get(digest);
  }

  /** Unpacks a layer while it arrives. Until it is complete and right in every respect it does not exist. */
  async add(
    descriptor: Descriptor,
    source: AsyncIterable<Uint8Array>,
    options: { diffId: string | undefined; budget: LayerBudget; received: () => number; signal: AbortSignal },
  ): Promise<StoredLayer> {
    const unfinished = this.#temporary.next();
    try {
      await mkdir(unfinished);
      const pack = new PackWriter(await open(join(unfinished, 'pack'), 'wx', 0o600));
      let entries: LayerEntry[];
      try {
        entries = await unpackLayer(source, { ...options, sink: pack });
        await pack.finish();
      } finally {
        await pack.close();
      }
      const index: LayerIndex = { version: 1, entries, offsets: Object.fromEntries(pack.offsets) };
      const handle = await open(join(unfinished, 'index.json'), 'wx', 0o600);
      try {
        await handle.writeFile(JSON.stringify(index));
        await handle.sync();
      } finally {
        await handle.close();
      }
      await syncDirectory(unfinished);
      options.signal.throwIfAborted();
      await moveIntoPlace(unfinished, this.#path(descriptor.digest));
      await syncDirectory(this.#directory);
    } catch (error) {
      await rm(unfinished, { recursive: true, force: true });
      throw error;
    }
    return (await this.#load(descriptor.digest))!;
  }

  async remove(digest: Digest): Promise<void> {
    this.#layers.delete(digest);
    for (const [file, { layer }] of this.#files) if (layer === digest) this.#files.delete(file);
    // Its name goes first: a half-removed layer must not look complete.
    const gone = this.#temporary.next();
    await rename(this.#path(digest), gone);
    await rm(gone, { recursive: true, force: true });
  }

  #path(digest: Digest): string {
    return join(this.#directory, fileNameOf(digest));
  }

  async #load(digest: Digest): Promise<StoredLayer | undefined> {
    const directory = this.#path(digest);
    try {
      const text = await readFile(join(directory, 'index.json'), 'utf8');
      const index = JSON.parse(text) as LayerIndex;
      const { size } = await stat(join(directory, 'pack'));
      if (index.version !== 1) return undefined;
      const path = join(directory, 'pack');
      for (const entry of index.entries) {
        if (entry.type !== 'file') continue;
        const offset = index.offsets[entry.digest];
        if (offset === undefined || offset + entry.size > size) return undefined;
        this.#files.set(entry.digest, { path, offset, size: entry.size, layer: digest });
      }
      const layer = { digest, entries: index.entries, bytes: size + text.length };
      this.#layers.set(digest, layer);
      return layer;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
      throw error;
    }
  }
}

/** What has the final name is complete; if another pull was faster, its layer is the same. */
async function moveIntoPlace(unfinished: string, final: string): Promise<void> {
  try {
    await rename(unfinished, final);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** Writes file contents one after the other in large pieces; a content that is there already is not kept twice. */
class PackWriter implements FileSink {
  readonly offsets: Map<Digest, number> = new Map();
  readonly #handle: FileHandle;
  readonly #buffer = Buffer.allocUnsafe(BUFFER);
  #buffered = 0;
  #written = 0;
  #fileStart = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(chunk: Uint8Array): Promise<void> {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#buffered === BUFFER) await this.#flush();
      const part = rest.subarray(0, BUFFER - this.#buffered);
      this.#buffer.set(part, this.#buffered);
      this.#buffered += part.length;
      rest = rest.subarray(part.length);
    }
  }

  async end({ digest, size }: { digest: Digest; size: number }): Promise<void> {
    if (!this.offsets.has(digest)) {
      this.offsets.set(digest, this.#fileStart);
      this.#fileStart += size;
      return;
    }
    // Go back to where this file began.
    await this.#flush();
    this.#written = this.#fileStart;
  }

  async finish(): Promise<void> {
    await this.#flush();
    await this.#handle.truncate(this.#fileStart);
    await this.#handle.sync();
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #flush(): Promise<void> {
    for (let at = 0; at < this.#buffered; ) {
      const { bytesWritten } = await this.#handle.write(this.#buffer, at, this.#buffered - at, this.#written);
      at += bytesWritten;
      this.#written += bytesWritten;
    }
    this.#buffered = 0;
  }
}

/** A name for a digest that every file system takes. */
export function fileNameOf(digest: Digest): string {
  return `${digest.slice(0, digest.indexOf(':'))}-${digestHex(digest)}`;
}
