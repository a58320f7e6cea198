// Guest workers are children of the frame, not of the coordinator: Firefox 153 hangs for good, with the thread that asked,
// when a worker starts several nested workers in one go. They speak with the
// coordinator through a port of their own, so nothing that is time-critical passes this thread.

/** The frame's guest workers by the number the coordinator gave them. */
export class FrameGuests {
  readonly #script: URL;
  readonly #onFailed: (guest: number, reason: string) => void;
  readonly #workers = new Map<number, Worker>();

  constructor(script: URL, onFailed: (guest: number, reason: string) => void) {
    this.#script = script;
    this.#onFailed = onFailed;
  }

  spawn(guest: number, port: MessagePort): void {
    const worker = new Worker(this.#script, { name: 'wigeon guest' });
    worker.onerror = (event) => {
      event.preventDefault();
      this.#onFailed(guest, event.message || 'the guest worker could not be loaded');
    };
    this.#workers.set(guest, worker);
    worker.postMessage(port, [port]);
  }

  terminate(guest: number): void {
    this.#workers.get(guest)?.terminate();
    this.#workers.delete(guest);
  }
}
