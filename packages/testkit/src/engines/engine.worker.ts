// The worker's side of a call. The bundle's entry hands it the default export of the module under test.
import type { WorkerCall, WorkerMessage } from './call.ts';
import type { EngineContext } from './run.ts';
import { decodeTagged, encodeTagged } from './tagged-json.ts';

type Main = (input: never, context: EngineContext) => unknown;

interface Port {
  postMessage(message: WorkerMessage): void;
  receive(listener: (call: WorkerCall) => void): void;
}

export async function serve(main: Main): Promise<void> {
  const port = await portToHost();
  port.receive(async (call) => {
    try {
      if (typeof main !== 'function') throw new TypeError('the module has no function as its default export');
      const context: EngineContext = {
        engine: call.engine,
        isolated: call.isolated,
        log: (text) => port.postMessage({ type: 'log', text: String(text) }),
        file: (name) => fetchFile(call.filesUrl, name),
      };
      const output = await main(decodeTagged(call.input) as never, context);
      port.postMessage({ type: 'returned', output: encodeTagged(output) });
    } catch (error) {
      const { name = 'Error', message = String(error), stack = '' } = Object(error) as Partial<Error>;
      port.postMessage({ type: 'threw', error: { name, message, stack } });
    }
  });
}

async function portToHost(): Promise<Port> {
  const scope = globalThis as unknown as DedicatedWorkerGlobalScope;
  if (typeof scope.postMessage === 'function') {
    return {
      postMessage: (message) => scope.postMessage(message),
      receive: (listener) =>
        scope.addEventListener('message', ({ data }) => listener(data as WorkerCall), { once: true }),
    };
  }
  const { parentPort } = await import('node:worker_threads');
  if (!parentPort) throw new Error('neither in a dedicated worker nor in a worker thread');
  return {
    postMessage: (message) => parentPort.postMessage(message),
    receive: (listener) => parentPort.once('message', listener),
  };
}

async function fetchFile(filesUrl: string, name: string): Promise<Uint8Array> {
  const response = await fetch(filesUrl + encodeURIComponent(name));
  if (!response.ok) throw new Error(`no file "${name}" was given to this call`);
  return new Uint8Array(await response.arrayBuffer());
}
