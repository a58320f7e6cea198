/** Shortest and longest nominal delay before connecting again, in milliseconds. */
const FIRST_MS = 200;
const LONGEST_MS = 30_000;

/**
 * Milliseconds to wait before attempt `failures + 1`: doubling from 0.2 s to 30 s, of which a random half is taken off
 * so that a thousand agents that lost one node do not come back in the same instant.
 */
export function backoffMs(failures: number, random: () => number): number {
  const nominal = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures, 16));
  return nominal / 2 + (nominal / 2) * random();
}
