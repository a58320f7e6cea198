/** Something a blocked call can wait for: `ready` settles when trying again may succeed; it may settle too early. */
export interface Waitable {
  ready(): Promise<unknown>;
}

/**
 * Thrown by a call that cannot complete now and has had no effect yet. Whoever runs the guest waits for one of
 * `sources` or for `deadline`, then makes the same call again with the same arguments.
 */
export class Pending {
  readonly sources: readonly Waitable[];
  /** Monotonic milliseconds of the host's clock after which the call must be tried again; undefined: no limit. */
  readonly deadline: number | undefined;

  constructor(sources: readonly Waitable[], deadline?: number) {
    this.sources = sources;
    this.deadline = deadline;
  }

  /** Settles when the call should be tried again. `now` is the clock that `deadline` is told in. */
  ready(now: () => number): Promise<unknown> {
    const waits = this.sources.map((source) => source.ready());
    if (this.deadline === undefined) return Promise.race(waits);
    // setTimeout counts in 32 bits; a longer wait is cut and the call simply waits again.
    const delay = Math.min(Math.max(0, Math.ceil(this.deadline - now())), 0x7fffffff);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, delay);
    });
    return Promise.race([...waits, timeout]).finally(() => clearTimeout(timer));
  }
}
