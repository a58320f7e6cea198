// The page that runs workers in a browser. Its two functions are called by evaluation.
import { conduct, type Outcome, type WorkerCall, type WorkerHandle, type WorkerMessage } from './call.ts';

export interface PageCall {
  readonly id: string;
  readonly script: string;
  readonly call: WorkerCall;
  readonly timeoutMs: number;
}

const cancels = new Map<string, () => void>();

async function runCall({ id, script, call, timeoutMs }: PageCall): Promise<Outcome> {
  const cancelled = Promise.withResolvers<void>();
  cancels.set(id, cancelled.resolve);
  try {
    return await conduct(startWorker(script), call, timeoutMs, cancelled.promise);
  } finally {
    cancels.delete(id);
  }
}

function startWorker(script: string): WorkerHandle {
  const worker = new Worker(script, { type: 'module' });
  return {
    post: (call) => worker.postMessage(call),
    onMessage: (listener) => worker.addEventListener('message', ({ data }) => listener(data as WorkerMessage)),
    onDeath: (listener) =>
      worker.addEventListener('error', (event) =>
        listener(event.message ? `${event.message} (${event.filename}:${event.lineno})` : 'its script did not load'),
      ),
    terminate: () => worker.terminate(),
  };
}

Object.assign(globalThis, { runCall, cancelCall: (id: string) => cancels.get(id)?.() });
