import type { GuestReport } from '../guest/index.ts';
import { type AgentRuntime, type Guest, type GuestListener, systemClock } from './runtime.ts';

/**
 * The coordinator's surroundings in a browser's worker; guests are nested workers.
 * @param guest address of the guest worker's script, on this origin
 */
export function browserRuntime(guest: string): AgentRuntime {
  return {
    clock: systemClock,
    random: Math.random,
    connect: (url) => new WebSocket(url),
    fetch: (url, init) => fetch(url, init),
    spawnGuest: (listener) => spawnGuest(guest, listener),
    defer: createDefer(),
  };
}

function spawnGuest(script: string, listener: GuestListener): Guest {
  const worker = new Worker(script, { name: 'wigeon guest' });
  worker.onmessage = ({ data }: MessageEvent<GuestReport>) => listener.report(data);
  worker.onmessageerror = () => listener.failed('a message of the guest could not be read');
  worker.onerror = (event) => {
    event.preventDefault();
    listener.failed(event.message || 'the guest worker could not be loaded');
  };
  return {
    start: (start) => worker.postMessage(start),
    terminate: () => {
      worker.onmessage = worker.onmessageerror = worker.onerror = null;
      worker.terminate();
    },
  };
}

/** A message to ourselves comes after those that already wait, and unlike a timer it is never clamped to 4 ms. */
function createDefer(): (action: () => void) => void {
  const due: (() => void)[] = [];
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => due.shift()?.();
  return (action) => {
    due.push(action);
    port2.postMessage(null);
  };
}
