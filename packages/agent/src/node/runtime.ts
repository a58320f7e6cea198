import { Worker } from 'node:worker_threads';
import { type AgentRuntime, type Guest, type GuestListener, systemClock } from '../coordinator/index.ts';
import type { GuestReport } from '../guest/index.ts';

/** The coordinator's surroundings in Node: guests are worker threads. */
export const nodeRuntime: AgentRuntime = {
  clock: systemClock,
  random: Math.random,
  connect: (url) => new WebSocket(url),
  fetch: (url, init) => fetch(url, init),
  spawnGuest,
  defer: (action) => void setImmediate(action),
};

function spawnGuest(listener: GuestListener): Guest {
  let ended = false;
  const fail = (reason: string): void => {
    if (!ended) listener.failed(reason);
    ended = true;
  };
  const worker = new Worker(new URL('./guest.node.ts', import.meta.url), {
    // Guests are strangers: nothing of this process's environment, arguments or streams is theirs.
    env: {},
    argv: [],
    execArgv: [],
    name: 'wigeon guest',
  });
  worker.on('message', (report: GuestReport) => {
    if (!ended) listener.report(report);
  });
  worker.on('messageerror', (error) => fail(error.message));
  worker.on('error', (error) => fail(error instanceof Error ? error.message : String(error)));
  worker.on('exit', (code) => fail(`the worker thread exited with code ${code}`));
  return {
    start: (start, transfer = []) => worker.postMessage(start, transfer),
    command: (command) => worker.postMessage(command),
    terminate: () => {
      ended = true;
      void worker.terminate();
    },
  };
}
