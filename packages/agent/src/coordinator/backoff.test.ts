import { expect, it } from 'vitest';
import { backoffMs } from './backoff.ts';

it('doubles from 0.2 s to 30 s and takes off up to a half at random', () => {
  const longest = Array.from({ length: 10 }, (_, failures) => backoffMs(failures, () => 1));
  expect(longest).toEqual([200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000]);
  expect(backoffMs(2, () => 0)).toBe(400);
  expect(backoffMs(1e9, () => 1)).toBe(30000);
});
