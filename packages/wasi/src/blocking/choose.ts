import type { Blocking, Suspender } from './blocking.ts';

export interface BlockingOffer {
  /** A doorbell in memory that the feeding thread really shares; being able to post it is the proof that it works. */
  readonly doorbell?: Int32Array;
  readonly suspender?: Suspender;
}

/** The best way to wait among those offered and those this engine has, found by trying (browser.md section 3). */
export function chooseBlocking({ doorbell, suspender }: BlockingOffer = {}): Blocking {
  if (doorbell && canWait(doorbell)) return { kind: 'shared', doorbell };
  if (hasPromiseIntegration()) return { kind: 'promise' };
  if (suspender) return { kind: 'suspend', suspender };
  return { kind: 'sleep' };
}

/** False on the main thread of a page and for memory that is not shared. */
function canWait(doorbell: Int32Array): boolean {
  try {
    // The value is never -1 below its own value by one: returns 'not-equal' at once, or throws.
    Atomics.wait(doorbell, 0, Atomics.load(doorbell, 0) - 1, 0);
    return true;
  } catch {
    return false;
  }
}

interface PromiseIntegration {
  Suspending: new (call: (...args: never[]) => unknown) => WebAssembly.ImportValue;
  promising: (call: (...args: never[]) => unknown) => () => Promise<unknown>;
}

function hasPromiseIntegration(): boolean {
  const { Suspending, promising } = WebAssembly as unknown as Partial<PromiseIntegration>;
  return typeof Suspending === 'function' && typeof promising === 'function';
}

/** JavaScript Promise Integration as the engine offers it; call only where `chooseBlocking` says `promise`. */
export function promiseIntegration(): PromiseIntegration {
  return WebAssembly as unknown as PromiseIntegration;
}
