import type { GuestReport } from '../guest/index.ts';
import type { AgentRuntime, Guest, GuestListener } from './runtime.ts';

/** Workers kept started and idle. */
const IDLE = 2;
/**
 * How long after a guest was taken the pool starts its successor, in milliseconds: a worker's start costs some 12 ms of a
 * core (browser.md section 5.5), which the program that has just begun should have.
 */
const REFILL_MS = 25;

/** Guest workers with their code loaded, so that a container starts in the time a message takes. Each runs one program. */
export class GuestPool {
  readonly #runtime: AgentRuntime;
  readonly #idle: Set<PooledGuest> = new Set();
  #cancelRefill: (() => void) | undefined;
  #closed = false;

  constructor(runtime: AgentRuntime) {
    this.#runtime = runtime;
  }

  /** Starts idle workers until there are enough. */
  fill(): void {
    while (!this.#closed && this.#idle.size < IDLE) {
      const guest = new PooledGuest(this.#runtime, (failed) => this.#idle.delete(failed));
      if (guest.broken) return;
      this.#idle.add(guest);
    }
  }

  /** A fresh guest whose reports go to `listener`. The caller terminates it. */
  take(listener: GuestListener): Guest {
    const idle = this.#idle.values().next().value;
    const guest = idle ?? new PooledGuest(this.#runtime, () => {});
    this.#idle.delete(guest);
    guest.attach(listener);
    this.#cancelRefill ??= this.#runtime.clock.after(REFILL_MS, () => {
      this.#cancelRefill = undefined;
      this.fill();
    });
    return guest;
  }

  close(): void {
    this.#closed = true;
    this.#cancelRefill?.();
    for (const guest of this.#idle) guest.terminate();
    this.#idle.clear();
  }
}

/** A worker that learns only later whom it reports to. */
class PooledGuest implements Guest {
  readonly #guest: Guest | undefined;
  #listener: GuestListener | undefined;
  #failure: string | undefined;

  constructor(runtime: AgentRuntime, onIdleFailure: (guest: PooledGuest) => void) {
    const listener: GuestListener = {
      report: (report: GuestReport) => this.#listener?.report(report),
      failed: (reason) => {
        this.#failure ??= reason;
        if (this.#listener) this.#listener.failed(reason);
        else onIdleFailure(this);
      },
    };
    try {
      this.#guest = runtime.spawnGuest(listener);
    } catch (error) {
      this.#failure = error instanceof Error ? error.message : String(error);
    }
  }

  get broken(): boolean {
    return this.#failure !== undefined;
  }

  attach(listener: GuestListener): void {
    this.#listener = listener;
  }

  start(...args: Parameters<Guest['start']>): void {
    if (this.#failure !== undefined) this.#listener?.failed(this.#failure);
    else this.#guest?.start(...args);
  }

  terminate(): void {
    this.#listener = undefined;
    this.#guest?.terminate();
  }
}
