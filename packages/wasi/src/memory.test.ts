import fc from 'fast-check';
import { expect, test } from 'vitest';
import { writeTimestamp, writeU64 } from './memory.ts';

const view = new DataView(new ArrayBuffer(8));

test('a number is written as the u64 of the same value', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      writeU64(view, 0, value);
      expect(view.getBigUint64(0, true)).toBe(BigInt(value));
    }),
    { seed: 1 },
  );
});

test('milliseconds are written as exact nanoseconds', () => {
  const nanoseconds = (milliseconds: number): bigint => {
    writeTimestamp(view, 0, milliseconds);
    return view.getBigUint64(0, true);
  };
  expect(nanoseconds(0)).toBe(0n);
  expect(nanoseconds(0.25)).toBe(250_000n);
  expect(nanoseconds(1_795_230_745_123.5)).toBe(1_795_230_745_123_500_000n);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 43 }), (whole) => {
      expect(nanoseconds(whole)).toBe(BigInt(whole) * 1_000_000n);
      expect(nanoseconds(whole + 0.5)).toBe(BigInt(whole) * 1_000_000n + 500_000n);
    }),
    { seed: 1 },
  );
});
