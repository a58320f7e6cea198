import type { CoordinatorEvent } from '../frame/messages.ts';
import type { GuestReport } from '../guest/index.ts';
import { type AgentRuntime, type Guest, type GuestListener, systemClock } from './runtime.ts';

export interface BrowserRuntime extends AgentRuntime {
  /** What the frame says of a guest worker that it started for us. */
  guestFailed(guest: number, reason: string): void;
}

/** The coordinator's surroundings in a browser's worker; the frame starts the guests (frame/guests.ts). */
export function browserRuntime(post: (event: CoordinatorEvent, transfer: Transferable[]) => void): BrowserRuntime {
  const listeners = new Map<number, GuestListener>();
  let guests = 0;

  const spawnGuest = (listener: GuestListener): Guest => {
    const guest = ++guests;
    const { port1: port, port2 } = new MessageChannel();
    listeners.set(guest, listener);
    port.onmessage = ({ data }: MessageEvent<GuestReport>) => listener.report(data);
    port.onmessageerror = () => listener.failed('a message of the guest could not be read');
    post({ kind: 'spawn', guest, port: port2 }, [port2]);
    return {
      start: (start, transfer = []) => port.postMessage(start, transfer),
      command: (command) => port.postMessage(command),
      terminate: () => {
        if (!listeners.delete(guest)) return;
        port.onmessage = port.onmessageerror = null;
        port.close();
        post({ kind: 'terminate', guest }, []);
      },
    };
  };

  return {
    clock: systemClock,
    random: Math.random,
    connect: (url) => new WebSocket(url),
    fetch: (url, init) => fetch(url, init),
    spawnGuest,
    guestFailed: (guest, reason) => listeners.get(guest)?.failed(reason),
    defer: createDefer(),
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
