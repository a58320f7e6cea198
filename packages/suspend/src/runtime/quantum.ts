/** Targets in milliseconds. */
const pollEvery = 1;
const throwEvery = 20;
const first = 1 << 14;
const largest = 1 << 29;

/**
 * How many units (about instructions) a program may run between polls. Polls that return to the program come about
 * once a millisecond; loops whose polls do not return get `slack` more, so that a suspension is rare. The rate is
 * measured over at least two milliseconds, because browsers' clocks are coarse.
 */
export class Quantum {
  readonly #now: () => number;
  #since: number;
  #units = 0;
  #rate = 0;
  #granted = first;
  /** Milliseconds a suspension and its resumption last cost. */
  cost = 0;
  fuel: number = first;
  slack: number = first;

  constructor(now: () => number) {
    this.#now = now;
    this.#since = now();
  }

  /** Starts measuring anew, for instance after the program was stopped. */
  restart(): void {
    this.#since = this.#now();
    this.#units = 0;
  }

  /** Accounts for what was used of the last grant and sets `fuel` and `slack` for the next. Returns the time. */
  refill(left: number): number {
    const now = this.#now();
    this.#units += this.#granted - left;
    const elapsed = now - this.#since;
    if (elapsed >= 2) {
      this.#rate = this.#units / elapsed;
      this.#since = now;
      this.#units = 0;
    }
    const wanted = this.#rate > 0 ? this.#rate * pollEvery : this.#granted * 2;
    // Never more than four times the last grant: a phase of cheap units says little about the next.
    this.fuel = Math.max(256, Math.min(largest, this.#granted * 4, Math.floor(wanted)));
    const spacing = Math.min(40, Math.max(throwEvery, this.cost * 40));
    this.slack = Math.min(largest, this.fuel * (spacing / pollEvery));
    this.#granted = this.fuel;
    return now;
  }
}
