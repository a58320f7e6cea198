import { expect, test } from 'vitest';
import { Quantum } from './quantum.ts';

/** Polls of a program that does `unitsPerMs`, seen through a clock that shows whole `tick`s. */
function polls(unitsPerMs: (ms: number) => number, tick: number, ms: number, throwing: boolean): number[] {
  let time = 0;
  const quantum = new Quantum(() => Math.floor(time / tick) * tick);
  const at: number[] = [];
  while (time < ms) {
    const units = throwing ? quantum.fuel + quantum.slack : quantum.fuel;
    time += units / unitsPerMs(time);
    at.push(time);
    quantum.refill(throwing ? -quantum.slack : 0);
  }
  return at;
}

test.each([0.005, 0.1, 1])('settles at about one poll a millisecond, also with a clock of %d ms', (tick) => {
  const at = polls(() => 1_000_000, tick, 1000, false).filter((time) => time > 500);
  expect(at.length).toBeGreaterThan(200);
  expect(at.length).toBeLessThan(1100);
});

test('lets loops whose polls do not return run for ten to fifty milliseconds', () => {
  const at = polls(() => 300_000, 1, 4000, true).filter((time) => time > 2000);
  expect(at.length).toBeGreaterThan(40);
  expect(at.length).toBeLessThan(200);
});

test('is back within a few polls when units become a hundred times dearer', () => {
  const at = polls((time) => (time < 500 ? 1_000_000 : 10_000), 0.1, 2000, false);
  const gaps = at.map((time, i) => time - (at[i - 1] ?? 0)).filter((_, i) => at[i]! > 500);
  // One grant of the old size is inevitable.
  expect(gaps[0]!).toBeLessThan(250);
  expect(Math.max(...gaps.slice(4))).toBeLessThan(5);
});
