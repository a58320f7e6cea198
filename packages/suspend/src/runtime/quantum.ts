/** Targets in milliseconds. */
const pollEvery = 1;
const throwEvery = 20;
const first = 1 << 14;
const least = 256;
const largest = 1 << 26;

/**
 * How many units (about instructions) a program may run between polls. Polls that return to the program come about
 * once a millisecond; loops whose polls do not return get `slack` more, so that a suspension is rare. What a unit
 * costs varies a thousandfold, so each grant is corrected by how long the last one took: doubled if that was too
 * short (a coarse clock may show nothing at all), cut at once if too long, by no more than eight, because a thread
 * that did not get the processor for a while looks the same.
 */
export class Quantum {
  readonly #now: () => number;
  #since: number;
  fuel: number = first;
  slack: number = first * throwEvery;

  constructor(now: () => number) {
    this.#now = now;
    this.#since = now();
  }

  /** Starts measuring anew, for instance after the program was stopped. */
  restart(): void {
    this.#since = this.#now();
  }

  /** Accounts for what was used of the last grant and sets `fuel` and `slack` for the next. */
  refill(left: number): void {
    const now = this.#now();
    const elapsed = now - this.#since;
    const expected = (pollEvery * (this.fuel - left)) / this.fuel;
    this.#since = now;
    if (elapsed * 2 < expected) this.fuel = Math.min(largest, this.fuel * 2);
    else if (elapsed > expected * 2) this.fuel = Math.max(least, this.fuel * Math.max(1 / 8, expected / elapsed)) | 0;
    this.slack = this.fuel * (throwEvery / pollEvery);
  }
}
