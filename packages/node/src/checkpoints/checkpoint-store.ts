import { createHash, type Hash } from 'node:crypto';
import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type CheckpointBlob,
  type CheckpointMessage,
  limits,
  ProtocolError,
  type StreamOffsets,
} from '@wigeon/protocol';
import { writeDurably } from '../disk/index.ts';

/** A checkpoint on disk. */
export interface CheckpointRecord {
  readonly epoch: number;
  readonly sequence: number;
  /** Sequence of the checkpoint it builds on; null for a full one. */
  readonly base: number | null;
  readonly blob: CheckpointBlob;
  readonly streams: StreamOffsets;
  /** RFC 3339. */
  readonly takenAt: string;
  /** Linear memory of the program, in bytes. */
  readonly memoryBytes: number;
}

/** Which container instance: its pod and how often it was restarted. */
export interface CheckpointKey {
  readonly uid: string;
  readonly container: string;
  readonly restart: number;
}

/** What a resumed program goes on from. */
export interface CheckpointChain {
  /** A full one and the deltas behind it, oldest first; never empty. */
  readonly records: readonly [CheckpointRecord, ...CheckpointRecord[]];
  readonly last: CheckpointRecord;
}

/** All checkpoints of this node. A record names only bytes that are complete, verified and synced to the disk. */
export class CheckpointStore {
  readonly #directory: string;
  readonly #known = new Map<string, ContainerCheckpoints>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Opens or creates the store; what an earlier process left unfinished is removed. */
  static async open(directory: string): Promise<CheckpointStore> {
    const store = new CheckpointStore(directory);
    await mkdir(directory, { recursive: true });
    for (const name of await readdir(directory)) {
      const [uid, container, restart] = name.split('_');
      if (uid === undefined || container === undefined || restart === undefined) continue;
      await store.of({ uid, container, restart: Number(restart) }).load();
    }
    return store;
  }

  /** The checkpoints of one container instance. */
  of(key: CheckpointKey): ContainerCheckpoints {
    const name = `${key.uid}_${key.container}_${key.restart}`;
    let found = this.#known.get(name);
    if (!found) {
      found = new ContainerCheckpoints(key, join(this.#directory, name));
      this.#known.set(name, found);
    }
    return found;
  }

  all(): Iterable<ContainerCheckpoints> {
    return this.#known.values();
  }

  /** Where the bytes of a checkpoint are. */
  async blob(digest: string): Promise<{ path: string; offset: number; size: number } | undefined> {
    for (const checkpoints of this.#known.values()) {
      const record = checkpoints.records.find(({ blob }) => blob.digest === digest);
      if (record) return { path: checkpoints.pathOf(record), offset: 0, size: record.blob.size };
    }
    return undefined;
  }

  /** Forgets a pod. */
  async remove(uid: string): Promise<void> {
    for (const [name, checkpoints] of this.#known) {
      if (checkpoints.key.uid !== uid) continue;
      this.#known.delete(name);
      await checkpoints.clear();
    }
  }

  /** Removes what belongs to none of these pods. Only for after a complete list. */
  async prune(uids: ReadonlySet<string>): Promise<void> {
    for (const { key } of [...this.#known.values()]) if (!uids.has(key.uid)) await this.remove(key.uid);
  }
}

/** The checkpoints of one container instance: those of the newest chain. */
export class ContainerCheckpoints {
  readonly key: CheckpointKey;
  readonly #directory: string;
  #records: readonly CheckpointRecord[] = [];
  #incoming: { epoch: number; sequence: number; path: string; file: WriteStream; hash: Hash; size: number } | undefined;
  #saving: Promise<unknown> = Promise.resolve();

  constructor(key: CheckpointKey, directory: string) {
    this.key = key;
    this.#directory = directory;
  }

  get records(): readonly CheckpointRecord[] {
    return this.#records;
  }

  /** What to resume from; undefined while there is none. */
  chain(): CheckpointChain | undefined {
    const [first, ...rest] = this.#records;
    const last = this.#records.at(-1);
    return first && last ? { records: [first, ...rest], last } : undefined;
  }

  pathOf(record: Pick<CheckpointRecord, 'blob'>): string {
    return join(this.#directory, record.blob.digest.replace(':', '-'));
  }

  async load(): Promise<void> {
    try {
      this.#records = JSON.parse(await readFile(join(this.#directory, 'index.json'), 'utf8')) as CheckpointRecord[];
    } catch {
      // No index was ever written: what lies there is unfinished.
    }
    const wanted = new Set(['index.json', ...this.#records.map((record) => record.blob.digest.replace(':', '-'))]);
    for (const name of await readdir(this.#directory).catch(() => [])) {
      if (!wanted.has(name)) await rm(join(this.#directory, name), { force: true });
    }
    for (const record of this.#records) {
      const found = await stat(this.pathOf(record)).catch(() => undefined);
      if (found?.size !== record.blob.size) this.#records = [];
    }
  }

  /**
   * Takes in the next bytes of a checkpoint.
   * @throws ProtocolError `too-large`
   */
  append(epoch: number, sequence: number, bytes: Uint8Array): void {
    let incoming = this.#incoming;
    if (incoming?.epoch !== epoch || incoming.sequence !== sequence) {
      this.#discard();
      const path = join(this.#directory, `incoming-${epoch}-${sequence}`);
      mkdirSync(this.#directory, { recursive: true });
      incoming = { epoch, sequence, path, file: openFile(path), hash: createHash('sha256'), size: 0 };
      this.#incoming = incoming;
    }
    incoming.size += bytes.length;
    if (incoming.size > limits.checkpointBytes)
      throw new ProtocolError('too-large', `a checkpoint of more than ${limits.checkpointBytes} bytes`);
    incoming.hash.update(bytes);
    incoming.file.write(bytes);
  }

  /**
   * Resolves when the checkpoint is on the disk and recorded.
   * @throws ProtocolError `out-of-protocol` when the bytes that came are not those announced, or their base is not here
   */
  async commit(message: CheckpointMessage): Promise<CheckpointRecord> {
    const incoming = this.#incoming;
    this.#incoming = undefined;
    if (!incoming || incoming.epoch !== message.epoch || incoming.sequence !== message.sequence) {
      throw new ProtocolError('out-of-protocol', `checkpoint ${message.sequence} without its bytes`);
    }
    const digest = `sha256:${incoming.hash.digest('hex')}`;
    const { epoch, sequence, base, blob, streams, takenAt, memoryBytes } = message;
    const record: CheckpointRecord = { epoch, sequence, base, blob, streams, takenAt, memoryBytes };
    // All of it in the queue that `clear` waits for: its directory must not go away underneath.
    const saved = this.#saving.then(async () => {
      await closeFile(incoming.file);
      if (digest !== blob.digest || incoming.size !== blob.size) {
        await rm(incoming.path, { force: true });
        throw new ProtocolError(
          'out-of-protocol',
          `checkpoint ${sequence} is ${digest} of ${incoming.size} bytes, announced as ${blob.digest} of ${blob.size}`,
        );
      }
      await this.#record(record, incoming.path);
    });
    this.#saving = saved.catch(() => undefined);
    await saved;
    return record;
  }

  /** Removes everything, for a container that will not be resumed any more. */
  async clear(): Promise<void> {
    this.#discard();
    this.#records = [];
    await this.#saving;
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #record(record: CheckpointRecord, from: string): Promise<void> {
    const last = this.#records.at(-1);
    if (record.base !== null && record.base !== last?.sequence) {
      await rm(from, { force: true });
      throw new ProtocolError(
        'out-of-protocol',
        `checkpoint ${record.sequence} builds on ${record.base}, which is not the newest here`,
      );
    }
    const kept = record.base === null ? [record] : [...this.#records, record];
    await syncFile(from);
    await rename(from, this.pathOf(record));
    await writeDurably(join(this.#directory, 'index.json'), join(this.#directory, 'index.json.tmp'), (file) =>
      file.writeFile(JSON.stringify(kept)),
    );
    const needed = new Set(kept.map(({ blob }) => blob.digest));
    const old = this.#records.filter(({ blob }) => !needed.has(blob.digest));
    this.#records = kept;
    for (const gone of old) await rm(this.pathOf(gone), { force: true });
  }

  #discard(): void {
    const incoming = this.#incoming;
    this.#incoming = undefined;
    if (!incoming) return;
    incoming.file.destroy();
    void rm(incoming.path, { force: true }).catch(() => undefined);
  }
}

/** A stream whose failure (a full disk) is told when it is closed, and never to nobody. */
function openFile(path: string): WriteStream {
  return createWriteStream(path).on('error', () => undefined);
}

function closeFile(file: WriteStream): Promise<void> {
  return new Promise((resolve, reject) => {
    if (file.errored) reject(file.errored);
    else file.once('error', reject).end(() => resolve());
  });
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
