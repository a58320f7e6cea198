import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type OutputStream, ProtocolError, type StreamOffsets } from '@wigeon/protocol';
import { encodeRecords, LineCutter, parseRecord } from './cri-format.ts';

/**
 * The output of one container instance on disk. Bytes are numbered per stream: what is already stored is not stored
 * twice, whoever sends it again, and a gap is refused. `stored` counts what the file holds.
 */
export class ContainerLog implements AsyncDisposable {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #accepted: { stdout: number; stderr: number };
  readonly #stored: { stdout: number; stderr: number };
  #bytes: number;
  #queue: Promise<void> = Promise.resolve();
  #ended = false;
  #changed = Promise.withResolvers<void>();

  private constructor(path: string, file: FileHandle, stored: StreamOffsets, bytes: number) {
    this.path = path;
    this.#file = file;
    this.#accepted = { ...stored };
    this.#stored = { ...stored };
    this.#bytes = bytes;
  }

  /** Opens or creates the file. A record that a crash left unfinished is cut off. */
  static async open(path: string): Promise<ContainerLog> {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, 'a+');
    const stored = { stdout: 0, stderr: 0 };
    const cutter = new LineCutter();
    let bytes = 0;
    for await (const chunk of createReadStream(path)) {
      bytes += (chunk as Buffer).length;
      for (const line of cutter.push(chunk as Buffer)) {
        const record = parseRecord(line);
        if (record) stored[record.stream] += record.content.length + (record.full ? 1 : 0);
      }
    }
    if (cutter.pending > 0) {
      bytes -= cutter.pending;
      await file.truncate(bytes);
    }
    return new ContainerLog(path, file, stored, bytes);
  }

  /** Bytes of each stream that are in the file. */
  get stored(): StreamOffsets {
    return { ...this.#stored };
  }

  /** Length of the file in bytes, all of it complete records. */
  get bytes(): number {
    return this.#bytes;
  }

  /** No more output will come: followers end after what is there. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Resolves when something was stored, or the log ended, after this call. */
  changed(): Promise<void> {
    return this.#changed.promise;
  }

  /**
   * Stores the part of `bytes` that is new. Resolves when it is in the file.
   * @throws ProtocolError `out-of-protocol` when bytes before `offset` are missing
   */
  append(stream: OutputStream, offset: number, bytes: Uint8Array, time: string): Promise<void> {
    const expected = this.#accepted[stream];
    if (offset > expected) {
      throw new ProtocolError(
        'out-of-protocol',
        `${stream} continues at ${offset}, but only ${expected} bytes are known`,
      );
    }
    const fresh = bytes.subarray(Math.min(bytes.length, expected - offset));
    if (fresh.length === 0) return this.#queue;
    this.#accepted[stream] += fresh.length;
    const records = encodeRecords(stream, fresh, time);
    const write = this.#queue.then(async () => {
      await this.#file.appendFile(records);
      this.#bytes += records.length;
      this.#stored[stream] += fresh.length;
      this.#notify();
    });
    // One failed write (disk full) fails this append; the log can then go no further, and later ones fail with it.
    this.#queue = write;
    write.catch(() => undefined);
    return write;
  }

  /** Resolves when everything appended so far is in the file. */
  flush(): Promise<void> {
    return this.#queue;
  }

  /** Says that no more output will come. */
  end(): void {
    this.#ended = true;
    this.#notify();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end();
    await this.#queue.catch(() => undefined);
    await this.#file.close();
  }

  #notify(): void {
    const changed = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    changed.resolve();
  }
}
