import { Worker } from 'node:worker_threads';
import type { Bundle } from './bundle.ts';
import { conduct, type Outcome, type WorkerCall, type WorkerHandle } from './call.ts';

/** Runs a call in a worker thread of this process. */
export function runInNode(
  bundle: Bundle,
  call: WorkerCall,
  timeoutMs: number,
  cancelled: Promise<unknown>,
): Promise<Outcome> {
  // A data: URL, so that the bundle needs no file that would have to be removed again.
  const url = new URL(`data:text/javascript;base64,${Buffer.from(bundle.code).toString('base64')}`);
  const worker = new Worker(url, { env: {}, execArgv: ['--enable-source-maps'] });
  const handle: WorkerHandle = {
    post: (message) => worker.postMessage(message),
    onMessage: (listener) => worker.on('message', listener),
    onDeath: (listener) => {
      worker.on('error', (error) => listener(error instanceof Error ? error.message : String(error)));
      worker.on('exit', (code) => listener(`its thread exited with ${code}`));
    },
    terminate: () => void worker.terminate(),
  };
  return conduct(handle, call, timeoutMs, cancelled);
}
