// What the coordinator needs from the place it runs in. Browser worker and Node each give one of these.
import type { GuestCommand, GuestReport, GuestStart } from '../guest/index.ts';

/** Time as the coordinator sees it; injected so that tests can move it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `action` once, `ms` milliseconds from now, unless the returned function is called first. */
  after(ms: number, action: () => void): () => void;
}

/** A worker that can run one program. */
export interface Guest {
  /** @param transfer buffers of `start` that the worker takes over */
  start(start: GuestStart, transfer?: ArrayBuffer[]): void;
  /** For a program that runs; one that has ended, or is not suspendable, does not hear it. */
  command(command: GuestCommand): void;
  /** Ends the worker at once, in the middle of a loop as well. Nothing is reported afterwards. */
  terminate(): void;
}

export interface GuestListener {
  report(report: GuestReport): void;
  /** The worker itself failed: its script did not load, or the engine gave it up. */
  failed(reason: string): void;
}

export interface AgentRuntime {
  readonly clock: Clock;
  /** Uniform in [0, 1), for the jitter of reconnecting. */
  readonly random: () => number;
  /** Opens a WebSocket (`binaryType` is set by the caller). */
  readonly connect: (url: string) => WebSocket;
  readonly fetch: (url: string, init: { readonly signal: AbortSignal }) => Promise<Response>;
  /** Starts a worker with the guest code loaded and no program yet. */
  readonly spawnGuest: (listener: GuestListener) => Guest;
  /** Calls `action` after the messages that are already waiting have been handled. */
  readonly defer: (action: () => void) => void;
}

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after: (ms, action) => {
    const timer = setTimeout(action, ms);
    return () => clearTimeout(timer);
  },
};
