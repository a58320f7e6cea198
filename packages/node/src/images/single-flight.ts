interface Flight<T> {
  readonly promise: Promise<T>;
  readonly abort: AbortController;
  waiting: number;
}

/** One run per key at a time; it is shared by all who ask meanwhile and cancelled when the last of them gives up. */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();

  async run(key: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    let flight = this.#flights.get(key);
    if (!flight || flight.abort.signal.aborted) {
      const abort = new AbortController();
      const started: Flight<T> = {
        abort,
        waiting: 0,
        promise: work(abort.signal).finally(() => {
          if (this.#flights.get(key) === started) this.#flights.delete(key);
        }),
      };
      started.promise.catch(() => {});
      this.#flights.set(key, started);
      flight = started;
    }
    flight.waiting++;
    const onAbort = Promise.withResolvers<never>();
    const give = (): void => onAbort.reject(signal.reason);
    signal.addEventListener('abort', give, { once: true });
    try {
      return await Promise.race([flight.promise, onAbort.promise]);
    } finally {
      signal.removeEventListener('abort', give);
      if (--flight.waiting === 0) flight.abort.abort(new Error('nobody waits for it any more'));
    }
  }
}
