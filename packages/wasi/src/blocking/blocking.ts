import type { Pending } from '../pending.ts';

/**
 * How a call that cannot complete waits. One of these ways, best first (docs/wasi.md, "Waiting"):
 *
 * - `shared`: the thread sleeps on a doorbell in shared memory that whoever feeds the streams rings.
 * - `promise`: the engine suspends the guest (JSPI); the event loop of the thread stays free.
 * - `suspend`: an outer engine unwinds the guest and makes the call again later.
 * - `sleep`: the thread sleeps on memory of its own. Only clocks can end the wait; a call that waits for a stream that
 *   nobody can feed meanwhile fails with `notsup`.
 */
export type Blocking =
  | { readonly kind: 'shared'; readonly doorbell: Int32Array }
  | { readonly kind: 'promise' }
  | { readonly kind: 'suspend'; readonly suspender: Suspender }
  | { readonly kind: 'sleep' };

/**
 * Stops the guest from inside a host call that cannot complete now and has had no effect yet. Once `ready` settles the
 * engine makes the same host call again with the same arguments, also after the program was restored on another machine
 * (then `WasiHost.restore` has put back what the call needs, such as the start of a relative timeout).
 */
export interface Suspender {
  suspendUntil(ready: Promise<unknown>): never;
}

/** Sleeps in the calling thread until the deadline or until the doorbell is no longer at `seen`. */
export function sleep(
  doorbell: Int32Array,
  seen: number,
  { deadline }: Pending,
  now: () => number,
  longest: number,
): void {
  const left = deadline === undefined ? longest : Math.min(longest, Math.max(0, deadline - now()));
  Atomics.wait(doorbell, 0, seen, left);
}

/**
 * A doorbell that nobody else can ring. Shared memory of WebAssembly exists in every engine without isolation, also where
 * the `SharedArrayBuffer` constructor is hidden; it just cannot be posted to another thread.
 */
export function privateDoorbell(): Int32Array {
  return new Int32Array(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer);
}
