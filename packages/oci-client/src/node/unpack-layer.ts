import { extract, type Header } from 'tar-stream';
import { type Digest, digestAlgorithm, digestHex, isDigest } from '../digest.ts';
import { OciError } from '../error.ts';
import { isTableOfContents, type LayerEntry, normalizeEntryPath, parseWhiteout } from '../layers/layer-entry.ts';
import type { LayerBudget } from '../layers/limits.ts';
import { createNodeHasher } from './create-hasher.ts';
import { decompress } from './decompress.ts';

const BLOCK = 512;

/** Takes the content of one file; called with its chunks in order, and never for two files at once. */
export interface FileSink {
  write(chunk: Uint8Array): void | Promise<void>;
  /** The file is complete. */
  end(file: { readonly digest: Digest; readonly size: number }): void | Promise<void>;
}

export interface UnpackOptions {
  readonly budget: LayerBudget;
  /** Digest of the uncompressed bytes, from the image config; a wrong one is an error, a missing one is not checked. */
  readonly diffId: string | undefined;
  readonly sink: FileSink;
  /** Compressed bytes that have arrived so far, for the expansion ratio. */
  readonly received: () => number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a layer (tar, plain or compressed), gives its files to the sink and returns what it says, whiteouts included.
 * Holds no file in memory. Devices, pipes and sockets are left out: a guest could not use them.
 *
 * @throws OciError `layer_corrupt`, `layer_limit`, `layer_path`, `diff_id_mismatch`, and whatever the source throws
 */
export async function unpackLayer(source: AsyncIterable<Uint8Array>, options: UnpackOptions): Promise<LayerEntry[]> {
  const { budget, diffId, sink, received, signal } = options;
  const expected = diffId !== undefined && isDigest(diffId) ? diffId : undefined;
  const whole = createNodeHasher(expected ? digestAlgorithm(expected) : 'sha256');
  const archive = extract();
  const entries: LayerEntry[] = [];
  let output = 0;
  let contentEnd = 0;
  let sourceFailure: { readonly cause: unknown } | undefined;
  // Tells apart what the registry got wrong and what the archive got wrong.
  const tracked = (async function* () {
    try {
      yield* source;
    } catch (cause) {
      sourceFailure = { cause };
      throw cause;
    }
  })();

  const feeding = (async () => {
    for await (const chunk of decompress(tracked)) {
      signal?.throwIfAborted();
      output += chunk.length;
      budget.addBytes(chunk.length, output, received());
      whole.update(chunk);
      if (!archive.write(chunk as Buffer)) await roomIn(archive);
      if (archive.destroyed) return;
    }
    // umoci leaves out the padding of the last file and the end mark; Go's reader, and so everybody, accepts that.
    if (output % BLOCK > 0 && !archive.destroyed) archive.write(Buffer.alloc(BLOCK - (output % BLOCK)));
    archive.end(null);
  })().catch((error: unknown) => {
    archive.destroy(error as Error);
    throw error;
  });
  feeding.catch(() => {});

  try {
    for await (const entry of archive) {
      budget.addEntry();
      const read = readHeader(entry.header);
      if (read?.type !== 'file') {
        // Such entries have no content; what a wrong one brings along is passed over.
        for await (const _ of entry);
        if (read) entries.push(read);
        continue;
      }
      const hasher = createNodeHasher('sha256');
      let size = 0;
      for await (const chunk of entry as AsyncIterable<Uint8Array>) {
        hasher.update(chunk);
        size += chunk.length;
        await sink.write(chunk);
      }
      const digest: Digest = `sha256:${hasher.hex()}`;
      await sink.end({ digest, size });
      entries.push({ ...read, size, digest });
      contentEnd = entry.offset + BLOCK + size;
    }
    await feeding;
    if (contentEnd > output) throw new Error('Unexpected end of data');
  } catch (error) {
    archive.destroy();
    await feeding.catch(() => {});
    signal?.throwIfAborted();
    throw sourceFailure ? sourceFailure.cause : asLayerError(error);
  }
  if (expected && whole.hex() !== digestHex(expected)) {
    throw new OciError(
      'diff_id_mismatch',
      `a layer unpacks to something else than the ${expected} that the image config says`,
    );
  }
  return entries;
}

function readHeader(header: Header): LayerEntry | undefined {
  const path = normalizeEntryPath(header.name);
  const whiteout = parseWhiteout(path);
  if (whiteout) return whiteout === 'ignored' ? undefined : whiteout;
  if (isTableOfContents(path)) return undefined;
  const precise = Number((header.pax as { mtime?: string } | undefined)?.mtime);
  const attributes = {
    path,
    mode: (header.mode ?? 0o644) & 0o7777,
    mtime: Number.isFinite(precise) ? precise : (header.mtime?.getTime() ?? 0) / 1000,
  };
  switch (header.type) {
    case 'file':
    case 'contiguous-file':
      if (path === '') throw new OciError('layer_path', 'a layer has a file in place of the root directory');
      return { type: 'file', ...attributes, size: 0, digest: 'sha256:' };
    case 'directory':
      return { type: 'directory', ...attributes };
    case 'symlink':
      return { type: 'symlink', ...attributes, target: header.linkname ?? '' };
    case 'link':
      return { type: 'hardlink', path, target: normalizeEntryPath(header.linkname ?? '') };
    default:
      return undefined;
  }
}

function roomIn(archive: ReturnType<typeof extract>): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      archive.off('drain', done);
      archive.off('close', done);
      resolve();
    };
    archive.on('drain', done);
    archive.on('close', done);
    if (archive.destroyed) done();
  });
}

function asLayerError(error: unknown): unknown {
  if (error instanceof OciError) return error;
  return new OciError(
    'layer_corrupt',
    `a layer cannot be unpacked: ${error instanceof Error ? error.message : String(error)}`,
    {
      cause: error,
    },
  );
}
