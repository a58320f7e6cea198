// Runs one TypeScript module in a dedicated worker of any engine: the way to show that code works everywhere.
import { randomUUID } from 'node:crypto';
import { access } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type BrowserName, browserNames } from '@wigeon/browsers';
import { BrowserEngine } from './browser-engine.ts';
import { bundleForWorker } from './bundle.ts';
import type { Outcome, RemoteError, WorkerCall } from './call.ts';
import type { EngineName } from './engine.ts';
import { runInNode } from './node-engine.ts';
import { type CallFiles, EngineServer } from './server.ts';
import { decodeTagged, encodeTagged } from './tagged-json.ts';

/** What the default export of a module gets as its second argument. */
export interface EngineContext {
  readonly engine: EngineName;
  readonly isolated: boolean;
  /** The bytes of one of the call's `files`. */
  file(name: string): Promise<Uint8Array>;
  /** Hands a line to the `log` option; of a call that times out, the last lines stand in the error. */
  log(text: string): void;
}

export interface EngineRunOptions {
  /** Serve the page with COOP and COEP, so that it is cross-origin isolated; default false. */
  readonly isolated?: boolean;
  /** Files for `context.file`, as bytes or as the path of a file. */
  readonly files?: CallFiles;
  /** Default 30 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly log?: (text: string) => void;
}

let server: Promise<EngineServer> | undefined;
const browsers = new Map<BrowserName, BrowserEngine>(browserNames.map((name) => [name, new BrowserEngine(name)]));

/**
 * Bundles the module at `modulePath`, calls its default export with `input` in a fresh dedicated worker (in Node: a
 * worker thread) and returns what that returns. Input and output are what JSON carries, `Uint8Array` and `bigint`.
 * Errors of the module are thrown here with their name, message and stack.
 *
 * @example const sum = await runInEngine<number[], number>('firefox', new URL('./sum.ts', import.meta.url), [1, 2]);
 */
export async function runInEngine<I, O>(
  engine: EngineName,
  modulePath: string | URL,
  input: I,
  options: EngineRunOptions = {},
): Promise<O> {
  const { isolated = false, files = {}, timeoutMs = 30_000, signal, log } = options;
  signal?.throwIfAborted();
  // A missing file is told here, by its path, and not as a failed request in the worker.
  await Promise.all(Object.values(files).map((file) => (typeof file === 'string' ? access(file) : undefined)));
  const bundle = await bundleForWorker(toPath(modulePath));
  const serving = await (server ??= EngineServer.start());
  const id = randomUUID();
  const call: WorkerCall = { engine, isolated, input: encodeTagged(input), filesUrl: serving.offerFiles(id, files) };
  const cancelled = Promise.withResolvers<void>();
  const onAbort = (): void => cancelled.resolve();
  signal?.addEventListener('abort', onAbort);
  try {
    const outcome =
      engine === 'node'
        ? await runInNode(bundle, call, timeoutMs, cancelled.promise)
        : await browserEngine(engine).run(
            serving.pageUrl(isolated),
            { id, script: serving.scriptUrl(bundle), call, timeoutMs },
            cancelled.promise,
          );
    for (const line of outcome.log) log?.(line);
    signal?.throwIfAborted();
    return decodeTagged(outputOf(outcome, engine, timeoutMs)) as O;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    serving.withdraw(id);
  }
}

/** Ends the browsers and the server that calls started; later calls start them again. */
export async function closeEngines(): Promise<void> {
  const serving = server;
  server = undefined;
  await Promise.all([...browsers.values()].map((browser) => browser.close()));
  (await serving)?.close();
}

function browserEngine(name: BrowserName): BrowserEngine {
  const engine = browsers.get(name);
  if (!engine) throw new Error(`unknown engine "${name}"`);
  return engine;
}

function toPath(module: string | URL): string {
  const text = String(module);
  return text.startsWith('file:') ? fileURLToPath(text) : text;
}

function outputOf(outcome: Outcome, engine: EngineName, timeoutMs: number): string {
  switch (outcome.type) {
    case 'returned':
      return outcome.output;
    case 'threw':
      throw remoteError(outcome.error, engine);
    case 'cancelled':
    case 'timed out': {
      const tail = outcome.log.slice(-20).map((line) => `\n  ${line}`);
      throw new Error(
        `the module did not return within ${timeoutMs} ms in ${engine}; it logged:${tail.join('') || ' nothing'}`,
      );
    }
  }
}

function remoteError({ name, message, stack }: RemoteError, engine: EngineName): Error {
  const error = new Error(message);
  error.name = name;
  // V8 begins a stack with name and message, the others do not.
  const head = `${name}: ${message}`;
  error.stack = `${stack.startsWith(head) ? stack : `${head}\n${stack}`}\n    in a worker of ${engine}`;
  return error;
}
