// The coordinator worker in a browser: one agent, steered by the frame.
import type { CoordinatorCommand, CoordinatorEvent } from '../frame/messages.ts';
import { computeOffer, engineFeatures, identifyEngine } from '../policy/index.ts';
import { Agent } from './agent.ts';
import { browserRuntime } from './browser-runtime.ts';

const scope = globalThis as unknown as DedicatedWorkerGlobalScope;
const post = (event: CoordinatorEvent, transfer: Transferable[] = []): void => scope.postMessage(event, transfer);
const runtime = browserRuntime(post);
let agent: Agent | undefined;

scope.onmessage = ({ data }: MessageEvent<CoordinatorCommand>): void => {
  switch (data.kind) {
    case 'start':
      agent = startAgent(data);
      break;
    case 'guest-failed':
      runtime.guestFailed(data.guest, data.reason);
      break;
    case 'suspend':
      void agent?.suspend(data.reason).then(() => {
        if (data.told) Atomics.store(new Int32Array(data.told), 0, 1);
      });
      break;
    case 'checkpoint':
      agent?.checkpoint();
      break;
    case 'wake':
      agent?.wake();
      break;
    case 'pause':
      agent?.pause();
      break;
    case 'resume':
      agent?.resume();
  }
};

function startAgent(start: Extract<CoordinatorCommand, { kind: 'start' }>): Agent {
  // Chromium tells the machine's memory in GiB, coarsely.
  const { deviceMemory } = navigator as { deviceMemory?: number };
  const started = new Agent(
    {
      gateway: start.gateway,
      key: start.key,
      ...(start.name === undefined ? {} : { name: start.name }),
      engine: { ...identifyEngine(navigator.userAgent), features: engineFeatures() },
      offer: computeOffer(navigator.hardwareConcurrency, deviceMemory && deviceMemory * 1024 ** 3),
      log: (line) => post({ kind: 'log', line }),
      onStatus: (status) => post({ kind: 'status', status }),
    },
    runtime,
  );
  started.start();
  return started;
}
