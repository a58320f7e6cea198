import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ContainerLog } from './container-log.ts';

export interface LogKey {
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string;
  readonly container: string;
  /** Which instance of the container: its restart count. */
  readonly restart: number;
}

/** All logs of this node, laid out as a kubelet's: `NAMESPACE_POD_UID/CONTAINER/RESTART.log`. */
export class LogStore {
  readonly #directory: string;
  readonly #open = new Map<string, Promise<ContainerLog>>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** The log of one container instance, made if it does not exist. */
  open(key: LogKey): Promise<ContainerLog> {
    const path = join(this.#podDirectory(key), key.container, `${key.restart}.log`);
    let log = this.#open.get(path);
    if (!log) {
      log = ContainerLog.open(path);
      this.#open.set(path, log);
      log.catch(() => this.#open.delete(path));
    }
    return log;
  }

  /** Forgets a pod: its files go, its open logs end. */
  async remove(pod: Pick<LogKey, 'namespace' | 'pod' | 'uid'>): Promise<void> {
    const directory = this.#podDirectory(pod);
    await this.#close((path) => path.startsWith(`${directory}/`));
    await rm(directory, { recursive: true, force: true });
  }

  /** Removes what belongs to none of these pod UIDs. Only for after a complete list. */
  async prune(uids: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.#directory).catch(() => [])) {
      const uid = name.slice(name.lastIndexOf('_') + 1);
      if (!uids.has(uid)) await rm(join(this.#directory, name), { recursive: true, force: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close(() => true);
  }

  async #close(which: (path: string) => boolean): Promise<void> {
    for (const [path, log] of [...this.#open]) {
      if (!which(path)) continue;
      this.#open.delete(path);
      await (await log.catch(() => undefined))?.[Symbol.asyncDispose]();
    }
  }

  #podDirectory(key: Pick<LogKey, 'namespace' | 'pod' | 'uid'>): string {
    return join(this.#directory, `${key.namespace}_${key.pod}_${key.uid}`);
  }
}
