import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DirectGuest } from '../test/direct-guest.ts';
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

test('a program whose memory is shared can do everything, too', () => {
  const guest = new DirectGuest({ args: ['guest', 'ünïcode'] }, { initial: 32, maximum: 32, shared: true });
  expect(guest.memory.buffer).toBeInstanceOf(SharedArrayBuffer);
  const name = 'ä'.repeat(100);
  const file = guest.open(name, 1);
  guest.write(file, 'content');
  expect(new TextDecoder().decode(guest.read(file, 10, 0n))).toBe('content');
  expect(guest.listAll('.')).toEqual([name]);
  guest.must('random_get', 65536, 200_000);
  expect(new Uint8Array(guest.memory.buffer, 265_400, 136).some((byte) => byte !== 0)).toBe(true);
  guest.must('args_get', 0, 100);
  expect(new Uint8Array(guest.memory.buffer, 106, 9).slice()).toEqual(new TextEncoder().encode('ünïcode'));
});
