import type { Clock } from './clock.ts';
import type { ProcessTimes } from './process.ts';
import type { WasiState } from './state/state.ts';

/** The clocks of a program: the platform's, moved so that they go on where a saved state stopped. */
export class GuestTimes implements ProcessTimes {
  readonly #clock: Clock;
  #monotonicOffset = 0;
  /** CPU time is monotonic time less this: what passed before the program began, and what it spent waiting. */
  #notCpu: number;
  #lastMonotonic = 0;
  pollStarted: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#notCpu = clock.monotonic();
  }

  readonly realtime = (): number => this.#clock.realtime();

  monotonic(): number {
    // Engines add noise to their clocks; the program must not see one go backwards.
    this.#lastMonotonic = Math.max(this.#lastMonotonic, this.#clock.monotonic() + this.#monotonicOffset);
    return this.#lastMonotonic;
  }

  cpu(): number {
    return Math.max(0, this.#clock.monotonic() - this.#notCpu);
  }

  waited(milliseconds: number): void {
    this.#notCpu += milliseconds;
  }

  save(): WasiState['clock'] {
    return { realtime: this.realtime(), monotonic: this.monotonic(), cpu: this.cpu() };
  }

  restore(saved: WasiState['clock'], pollStarted: number | undefined): void {
    const down = Math.max(0, this.realtime() - saved.realtime);
    const now = this.#clock.monotonic();
    this.#monotonicOffset = saved.monotonic + down - now;
    this.#lastMonotonic = saved.monotonic;
    this.#notCpu = now - saved.cpu;
    this.pollStarted = pollStarted;
  }
}
