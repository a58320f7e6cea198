import { mkdir, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '@wigeon/oci-client';
import { type TemporaryNames, writeDurably } from '../disk/index.ts';

/** An image that is complete in the store, by the digest of its manifest. */
export interface ImageRecord {
  readonly version: 1;
  readonly manifest: Digest;
  readonly source:
    | { readonly from: 'layer'; readonly layer: Digest; readonly size: number }
    | { readonly from: 'files'; readonly layers: readonly Digest[] };
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: readonly string[];
  readonly workingDir: string;
  /** Compressed bytes of config and layers: what the kubelet calls the image's size. */
  readonly size: number;
}

/** What a name stood for when it was last resolved. */
export interface NameRecord {
  readonly version: 1;
  /** Canonical, such as `docker.io/library/alpine:latest`. */
  readonly name: string;
  /** Whether annotations opened linux entries of an index; the choice may differ. */
  readonly linux: boolean;
  readonly root: Digest;
  readonly manifest: Digest;
}

/** Who may use an image without asking the registry again (KEP-2535). */
export interface AccessRecord {
  readonly version: 1;
  /** `HOST/PATH@DIGEST`. */
  readonly image: string;
  /** The registry gives it to anybody. */
  readonly anonymous: boolean;
  /** Keyed hashes of the credentials that the registry gave it for. */
  readonly credentials: readonly string[];
}

/** Small JSON files, one per key, all in memory. The file's time says when it was last of use. */
export class RecordStore<T extends { readonly version: 1 }> {
  readonly #directory: string;
  readonly #temporary: TemporaryNames;
  readonly #fileName: (record: T) => string;
  readonly #records = new Map<string, { record: T; usedAt: number }>();

  private constructor(directory: string, temporary: TemporaryNames, fileName: (record: T) => string) {
    this.#directory = directory;
    this.#temporary = temporary;
    this.#fileName = fileName;
  }

  /** A file that cannot be read as a record is removed: everything here can be had again. */
  static async open<T extends { readonly version: 1 }>(
    directory: string,
    temporary: TemporaryNames,
    fileName: (record: T) => string,
  ): Promise<RecordStore<T>> {
    await mkdir(directory, { recursive: true });
    const store = new RecordStore<T>(directory, temporary, fileName);
    for (const name of await readdir(directory)) {
      const path = join(directory, name);
      try {
        const record = JSON.parse(await readFile(path, 'utf8')) as T;
        if (record.version !== 1 || fileName(record) !== name) throw new SyntaxError('not a record of this version');
        store.#records.set(name, { record, usedAt: (await stat(path)).mtimeMs });
      } catch (error) {
        if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
        await rm(path, { recursive: true, force: true });
      }
    }
    return store;
  }

  get(fileName: string): T | undefined {
    return this.#records.get(fileName)?.record;
  }

  *all(): Generator<{ readonly record: T; readonly usedAt: number }, void, undefined> {
    yield* this.#records.values();
  }

  async put(record: T, now: number): Promise<void> {
    const name = this.#fileName(record);
    await writeDurably(join(this.#directory, name), this.#temporary.next(), (handle) =>
      handle.writeFile(JSON.stringify(record)),
    );
    this.#records.set(name, { record, usedAt: now });
  }

  /** Notes that the record was of use. */
  async touch(fileName: string, now: number): Promise<void> {
    const held = this.#records.get(fileName);
    if (!held) return;
    held.usedAt = now;
    await utimes(join(this.#directory, fileName), now / 1000, now / 1000);
  }

  async remove(record: T): Promise<void> {
    const name = this.#fileName(record);
    this.#records.delete(name);
    await rm(join(this.#directory, name), { force: true });
  }
}
