/** Where a guest's time comes from. All values are milliseconds and may have fractions. */
export interface Clock {
  /** Since the Unix epoch. */
  realtime(): number;
  /** Since any fixed moment; never goes backwards. */
  monotonic(): number;
  /** Smallest step of each, milliseconds. */
  readonly resolution: { readonly realtime: number; readonly monotonic: number };
}

/** The platform's clocks. Engines round `performance.now()` by whether the page is isolated (browser.md section 3). */
export function platformClock(): Clock {
  const { timeOrigin } = performance;
  const resolution = globalThis.crossOriginIsolated === false ? 0.1 : 0.005;
  return {
    // Not Date.now(): its whole milliseconds would make a file look older than the program's own reading of the clock.
    realtime: () => timeOrigin + performance.now(),
    monotonic: () => performance.now(),
    resolution: { realtime: resolution, monotonic: resolution },
  };
}

export function toMilliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds) / 1e6;
}
