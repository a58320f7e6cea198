import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, type FileSink, type LayerBudget, type LayerEntry, unpackLayer } from '@wigeon/oci-client';
import { syncDirectory } from './durable-files.ts';

/** What is in `index.json` of a layer. */
export interface LayerIndex {
  readonly version: 1;
  readonly entries: readonly LayerEntry[];
  /** Where in `pack` each content begins, by digest. */
  readonly offsets: Readonly<Record<string, number>>;
}

export interface WriteLayerOptions {
  readonly diffId: string | undefined;
  readonly budget: LayerBudget;
  /** Compressed bytes that have arrived. */
  readonly received: () => number;
  readonly signal: AbortSignal;
}

const BUFFER = 1024 * 1024;

/** Unpacks a layer into a new directory: `pack` and `index.json`, synced. What is there after an error is of no use. */
export async function writeLayer(
  directory: string,
  source: AsyncIterable<Uint8Array>,
  options: WriteLayerOptions,
): Promise<void> {
  await mkdir(directory);
  const pack = new PackWriter(await open(join(directory, 'pack'), 'wx', 0o600));
  let entries: LayerEntry[];
  try {
    entries = await unpackLayer(source, { ...options, sink: pack });
    await pack.finish();
  } finally {
    await pack.close();
  }
  const index: LayerIndex = { version: 1, entries, offsets: Object.fromEntries(pack.offsets) };
  const handle = await open(join(directory, 'index.json'), 'wx', 0o600);
  try {
    await handle.writeFile(JSON.stringify(index));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await syncDirectory(directory);
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
