import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Assignment } from '@wigeon/protocol';

/** What a later process needs to go on with a container that an agent runs. */
export interface RunRecord {
  /** Which instance of the container: its restart count. */
  readonly restart: number;
  readonly agent: string;
  readonly message: Assignment;
  /** RFC 3339; undefined while the program has not begun. */
  readonly startedAt: string | undefined;
}

/**
 * Who runs what, on disk. It outlives this process but not a loss of power: an agent that comes back with something
 * unknown drops it, and the pod resumes from its checkpoint, so nothing here has to be synced.
 */
export class RunStore {
  readonly #directory: string;
  readonly #records = new Map<string, RunRecord>();
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async open(directory: string): Promise<RunStore> {
    const store = new RunStore(directory);
    await mkdir(directory, { recursive: true });
    for (const name of await readdir(directory)) {
      if (!name.endsWith('.json')) continue;
      try {
        store.#records.set(name.slice(0, -5), JSON.parse(await readFile(join(directory, name), 'utf8')) as RunRecord);
      } catch {
        // Cut off in the middle of its first write: the run was never recorded.
      }
    }
    return store;
  }

  get(uid: string, container: string): RunRecord | undefined {
    return this.#records.get(`${uid}_${container}`);
  }

  put(uid: string, container: string, record: RunRecord): void {
    const name = `${uid}_${container}`;
    this.#records.set(name, record);
    const path = join(this.#directory, `${name}.json`);
    this.#enqueue(async () => {
      await writeFile(`${path}.tmp`, JSON.stringify(record), { mode: 0o600 });
      await rename(`${path}.tmp`, path);
    });
  }

  remove(uid: string, container: string): void {
    const name = `${uid}_${container}`;
    if (!this.#records.delete(name)) return;
    this.#enqueue(() => rm(join(this.#directory, `${name}.json`), { force: true }));
  }

  /** Removes what belongs to none of these pods. Only for after a complete list. */
  prune(uids: ReadonlySet<string>): void {
    for (const name of [...this.#records.keys()]) {
      const at = name.indexOf('_');
      if (!uids.has(name.slice(0, at))) this.remove(name.slice(0, at), name.slice(at + 1));
    }
  }

  /** Resolves when everything so far is written. */
  flush(): Promise<unknown> {
    return this.#writing;
  }

  #enqueue(write: () => Promise<unknown>): void {
    // A record that cannot be written costs a resume after the next restart, not the pod.
    this.#writing = this.#writing.then(write).catch(() => undefined);
  }
}
