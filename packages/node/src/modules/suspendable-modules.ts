import { createHash } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { engineVersion } from '@wigeon/suspend';
import { writeDurably } from '../disk/index.ts';
import type { InstrumentAnswer, InstrumentTask } from './instrument.worker.ts';

interface Location {
  readonly path: string;
  readonly offset: number;
  readonly size: number;
}

export type SuspendableModule = { readonly digest: string; readonly size: number } | { readonly refused: string };

/**
 * Instrumented modules, made once per (module digest, engine version), kept on disk and handed out by their own digest
 * like other blobs.
 */
export class SuspendableModules implements AsyncDisposable {
  readonly #directory: string;
  readonly #made = new Map<string, Promise<SuspendableModule>>();
  readonly #waiting = new Map<number, (answer: InstrumentAnswer) => void>();
  #worker: Worker | undefined;
  #tasks = 0;

  /** @param directory everything is below it, in a folder for this version of the engine */
  constructor(directory: string) {
    this.#directory = join(directory, engineVersion);
  }

  /** The suspendable form of a module, or why there is none. @param digest `sha256:…` of the original */
  ensure(digest: string, original: () => Promise<Location | undefined>): Promise<SuspendableModule> {
    let made = this.#made.get(digest);
    if (!made) {
      made = this.#load(digest).then((known) => known ?? this.#make(digest, original));
      this.#made.set(digest, made);
      made.catch(() => this.#made.delete(digest));
    }
    return made;
  }

  /** Where the bytes of an instrumented module are. */
  async blob(digest: string): Promise<Location | undefined> {
    const path = join(this.#directory, fileName(digest));
    const found = await stat(path).catch(() => undefined);
    return found ? { path, offset: 0, size: found.size } : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker?.terminate();
  }

  async #load(digest: string): Promise<SuspendableModule | undefined> {
    try {
      return JSON.parse(await readFile(this.#note(digest), 'utf8')) as SuspendableModule;
    } catch {
      return undefined;
    }
  }

  async #make(digest: string, original: () => Promise<Location | undefined>): Promise<SuspendableModule> {
    const location = await original();
    if (!location) throw new Error(`module ${digest} is not in the image store`);
    const answer = await this.#instrument({ ...location, digest });
    await mkdir(this.#directory, { recursive: true });
    let made: SuspendableModule;
    if ('refused' in answer) made = { refused: answer.refused };
    else {
      made = { digest: `sha256:${createHash('sha256').update(answer.bytes).digest('hex')}`, size: answer.bytes.length };
      const path = join(this.#directory, fileName(made.digest));
      await writeDurably(path, `${path}.${process.pid}.tmp`, (file) => file.writeFile(answer.bytes));
    }
    const note = this.#note(digest);
    await writeDurably(note, `${note}.${process.pid}.tmp`, (file) => file.writeFile(JSON.stringify(made)));
    return made;
  }

  #instrument(task: Omit<InstrumentTask, 'id'>): Promise<InstrumentAnswer> {
    const worker = (this.#worker ??= this.#startWorker());
    const id = this.#tasks++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      worker.ref();
      worker.postMessage({ ...task, id } satisfies InstrumentTask);
    });
  }

  #startWorker(): Worker {
    const worker = new Worker(new URL('./instrument.worker.ts', import.meta.url));
    worker.on('message', (answer: InstrumentAnswer) => {
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
      if (this.#waiting.size === 0) worker.unref();
    });
    // Out of memory, say: whoever waits runs its module plain, and the next one gets a new worker.
    worker.on('error', (error) => {
      this.#worker = undefined;
      for (const [id, answer] of this.#waiting) answer({ id, refused: `instrumenting failed: ${error.message}` });
      this.#waiting.clear();
    });
    return worker;
  }

  #note(digest: string): string {
    return join(this.#directory, `${fileName(digest)}.json`);
  }
}

function fileName(digest: string): string {
  return digest.replace(':', '-');
}
