// Back-pressure from the node to the program. Both sides count up, modulo 2^32; the guest waits while it is too far ahead.
//
// With shared memory the guest worker waits inside fd_write (Atomics.wait), as a process does on a full pipe. Without it
// (no cross-origin isolation: browser.md section 3) a worker cannot be woken while it blocks, so the guest runs on and the
// coordinator ends the container when it holds more than `hardCapBytes` (coordinator/container.ts).

/** What both sides of one guest share. */
export interface Flow {
  readonly counters: SharedArrayBuffer;
  /** Output that may be unacknowledged, in bytes; then the guest waits. */
  readonly windowBytes: number;
}

/** Cells of the shared array: writes the coordinator has taken in, and bytes the node has acknowledged. */
const TAKEN = 0;
const RELEASED = 1;

/** Writes a guest may have posted that the coordinator has not yet taken in; bounds the message queue. */
const PENDING_WRITES = 1024;

/** Counters for one guest, or undefined where this realm cannot share memory with a worker. */
export function createFlow(windowBytes: number): Flow | undefined {
  return canShareMemory() ? { counters: new SharedArrayBuffer(8), windowBytes } : undefined;
}

/**
 * Whether a SharedArrayBuffer can be posted to a worker. Only doing it tells: `crossOriginIsolated` is true in WebKitGTK
 * 2.50 without shared memory, and the constructor exists in realms that may not post it (browser.md section 0).
 */
export function canShareMemory(): boolean {
  return (shareable ??= trySharing());
}

let shareable: boolean | undefined;

function trySharing(): boolean {
  if (typeof SharedArrayBuffer === 'undefined') return false;
  const channel = new MessageChannel();
  try {
    channel.port1.postMessage(new SharedArrayBuffer(8));
    return true;
  } catch {
    return false;
  } finally {
    channel.port1.close();
    channel.port2.close();
  }
}

/** The coordinator's end: tells the guest what has been taken in and what is acknowledged. */
export class FlowRelease {
  readonly #cells: Int32Array;

  constructor(flow: Flow) {
    this.#cells = new Int32Array(flow.counters);
  }

  /** One more write of the guest has arrived. */
  take(): void {
    Atomics.add(this.#cells, TAKEN, 1);
    Atomics.notify(this.#cells, TAKEN);
  }

  /** The node has acknowledged `bytes` in all, over both streams. */
  release(bytes: number): void {
    Atomics.store(this.#cells, RELEASED, bytes | 0);
    Atomics.notify(this.#cells, RELEASED);
  }
}

/** The guest's end. */
export class FlowWait {
  readonly #cells: Int32Array;
  readonly #windowBytes: number;
  #writes = 0;
  #bytes = 0;

  constructor(flow: Flow) {
    this.#cells = new Int32Array(flow.counters);
    this.#windowBytes = flow.windowBytes;
  }

  /** Blocks until `bytes` more may be posted as one write. */
  admit(bytes: number): void {
    this.#waitWhile(TAKEN, (taken) => ((this.#writes - taken) | 0) >= PENDING_WRITES);
    this.#waitWhile(RELEASED, (released) => {
      const ahead = (this.#bytes - released) | 0;
      return ahead > 0 && ahead + bytes > this.#windowBytes;
    });
    this.#writes = (this.#writes + 1) | 0;
    this.#bytes = (this.#bytes + bytes) | 0;
  }

  #waitWhile(cell: number, tooFar: (value: number) => boolean): void {
    for (let value = Atomics.load(this.#cells, cell); tooFar(value); value = Atomics.load(this.#cells, cell)) {
      Atomics.wait(this.#cells, cell, value);
    }
  }
}
