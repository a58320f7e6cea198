import type { GuestCommand, GuestStart } from '../guest/index.ts';
import type { AgentRuntime, Guest, GuestListener } from './runtime.ts';

/** Workers kept started and idle. */
const IDLE = 2;
/**
 * Workers that start at the same time. A few after one another are ready no later in sum than all at once, and the first
 * ones much earlier.
 */
const BOOTING = 2;
/**
 * How long after a guest was taken the pool starts its successor, in milliseconds: a worker's start costs some 12 ms of a
 * core (browser.md section 5.5), which the program that has just begun should have.
 */
const REFILL_MS = 25;

/** Guest workers with their code loaded, so that a container starts in the time a message takes. Each runs one program. */
export class GuestPool {
  readonly #runtime: AgentRuntime;
  readonly #idle: Worker[] = [];
  readonly #booting: Set<Worker> = new Set();
  /** Programs that wait for a worker, in their order. */
  readonly #waiting: Set<Ticket> = new Set();
  #cancelRefill: (() => void) | undefined;
  #closed = false;

  constructor(runtime: AgentRuntime) {
    this.#runtime = runtime;
  }

  /** Starts workers until there are enough idle ones. */
  fill(): void {
    this.#boot(IDLE);
  }

  /** A fresh guest whose reports go to `listener`; its program starts when its worker is ready. The caller terminates it. */
  take(listener: GuestListener): Guest {
    const ticket = new Ticket(listener, () => this.#waiting.delete(ticket));
    const worker = this.#idle.shift();
    if (worker) {
      ticket.admit(worker);
      this.#cancelRefill ??= this.#runtime.clock.after(REFILL_MS, () => {
        this.#cancelRefill = undefined;
        this.fill();
      });
    } else {
      this.#waiting.add(ticket);
      this.#boot(0);
    }
    return ticket;
  }

  close(): void {
    this.#closed = true;
    this.#cancelRefill?.();
    for (const worker of [...this.#idle, ...this.#booting]) worker.guest?.terminate();
    this.#idle.length = 0;
    this.#booting.clear();
    this.#waiting.clear();
  }

  /** Starts workers for all that wait and `spare` more, a few at a time. */
  #boot(spare: number): void {
    const wanted = (): number => this.#waiting.size + spare - this.#idle.length - this.#booting.size;
    while (!this.#closed && this.#booting.size < BOOTING && wanted() > 0) {
      const worker: Worker = { guest: undefined, ticket: undefined };
      this.#booting.add(worker);
      try {
        worker.guest = this.#runtime.spawnGuest({
          report: (report) => {
            if (report.kind === 'ready') this.#onReady(worker);
            else worker.ticket?.listener.report(report);
          },
          failed: (reason) => this.#onFailed(worker, reason),
        });
      } catch (error) {
        this.#onFailed(worker, error instanceof Error ? error.message : String(error));
      }
    }
  }

  #onReady(worker: Worker): void {
    if (!this.#booting.delete(worker)) return;
    const [ticket] = this.#waiting;
    if (ticket) {
      this.#waiting.delete(ticket);
      ticket.admit(worker);
    } else {
      this.#idle.push(worker);
    }
    this.#boot(IDLE);
  }

  #onFailed(worker: Worker, reason: string): void {
    if (worker.ticket) {
      worker.ticket.listener.failed(reason);
      return;
    }
    const index = this.#idle.indexOf(worker);
    if (index >= 0) this.#idle.splice(index, 1);
    if (!this.#booting.delete(worker)) return;
    // Whoever waits is told; an idle one is tried again when it is needed.
    const [ticket] = this.#waiting;
    if (!ticket) return;
    this.#waiting.delete(ticket);
    ticket.listener.failed(reason);
    this.#boot(0);
  }
}

interface Worker {
  guest: Guest | undefined;
  ticket: Ticket | undefined;
}

/** A program's claim on a worker, before and after it has one. */
class Ticket implements Guest {
  readonly listener: GuestListener;
  readonly #withdraw: () => void;
  #worker: Worker | undefined;
  #start: { readonly start: GuestStart; readonly transfer: ArrayBuffer[] } | undefined;

  constructor(listener: GuestListener, withdraw: () => void) {
    this.listener = listener;
    this.#withdraw = withdraw;
  }

  admit(worker: Worker): void {
    worker.ticket = this;
    this.#worker = worker;
    if (this.#start) worker.guest?.start(this.#start.start, this.#start.transfer);
  }

  start(start: GuestStart, transfer: ArrayBuffer[] = []): void {
    this.#start = { start, transfer };
    this.#worker?.guest?.start(start, transfer);
  }

  command(command: GuestCommand): void {
    this.#worker?.guest?.command(command);
  }

  terminate(): void {
    this.#withdraw();
    this.#worker?.guest?.terminate();
  }
}
