import { type FileHandle, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { checkModule, createNodeHasher, type Digest, digestHex, isDigest, OciError } from '@wigeon/oci-client';
import { type TemporaryNames, writeDurably } from '../disk/index.ts';
import { type BlobLocation, fileNameOf } from './layer-store.ts';

/** Modules that were checked, each a file of its own: what agents fetch. A file that has its name is complete and valid. */
export class ModuleStore {
  readonly #directory: string;
  readonly #temporary: TemporaryNames;
  readonly #sizes = new Map<Digest, number>();

  private constructor(directory: string, temporary: TemporaryNames) {
    this.#directory = directory;
    this.#temporary = temporary;
  }

  static async open(directory: string, temporary: TemporaryNames): Promise<ModuleStore> {
    await mkdir(directory, { recursive: true });
    const store = new ModuleStore(directory, temporary);
    for (const name of await readdir(directory)) {
      const digest = name.replace('-', ':');
      if (isDigest(digest)) store.#sizes.set(digest, (await stat(join(directory, name))).size);
      else await rm(join(directory, name), { recursive: true, force: true });
    }
    return store;
  }

  get(digest: Digest): BlobLocation | undefined {
    const size = this.#sizes.get(digest);
    return size === undefined ? undefined : { path: this.#path(digest), offset: 0, size };
  }

  all(): IterableIterator<[Digest, number]> {
    return this.#sizes.entries();
  }

  /**
   * Keeps a module under its digest, whatever the source says: the bytes are hashed and the module is checked before
   * it gets its name.
   *
   * @param name what to call it in errors
   * @throws OciError `no_wasm`, `wasm_component`, `wasm_malformed`, `digest_mismatch`, and what the source throws
   */
  async add(digest: Digest, source: AsyncIterable<Uint8Array>, name: string): Promise<BlobLocation> {
    const hasher = createNodeHasher(digest.startsWith('sha512:') ? 'sha512' : 'sha256');
    let size = 0;
    await writeDurably(this.#path(digest), this.#temporary.next(), async (handle) => {
      for await (const chunk of source) {
        hasher.update(chunk);
        await writeAll(handle, chunk, size);
        size += chunk.length;
      }
      if (hasher.hex() !== digestHex(digest)) {
        throw new OciError('digest_mismatch', `${name} changed on its way to the store`, { retryable: true });
      }
      await checkModule(size, (offset, length) => readAt(handle, offset, length), name);
    });
    this.#sizes.set(digest, size);
    return this.get(digest)!;
  }

  async remove(digest: Digest): Promise<void> {
    this.#sizes.delete(digest);
    await rm(this.#path(digest), { force: true });
  }

  #path(digest: Digest): string {
    return join(this.#directory, fileNameOf(digest));
  }
}

async function writeAll(handle: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < chunk.length; ) {
    at += (await handle.write(chunk, at, chunk.length - at, position + at)).bytesWritten;
  }
}

/** Fewer bytes than asked for only at the end of the file. */
export async function readAt(handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(length);
  const { bytesRead } = await handle.read(buffer, 0, length, offset);
  return buffer.subarray(0, bytesRead);
}

/** The bytes of a part of a file, in pieces. */
export async function* readPart({ path, offset, size }: BlobLocation): AsyncGenerator<Uint8Array, void, undefined> {
  const handle = await open(path, 'r');
  try {
    for (let at = 0; at < size; ) {
      const piece = await readAt(handle, offset + at, Math.min(256 * 1024, size - at));
      if (piece.length === 0) throw new Error(`${path} is shorter than its index says`);
      yield piece;
      at += piece.length;
    }
  } finally {
    await handle.close();
  }
}
