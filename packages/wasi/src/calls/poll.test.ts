import { expect, test } from 'vitest';
import { DirectGuest } from '../../test/direct-guest.ts';
import * as wasi from '../abi.ts';
import { InputQueue, type WasiOptions } from '../index.ts';

interface Subscription {
  readonly clock?: bigint;
  readonly read?: number;
  readonly write?: number;
}

/** Makes the call; the errno, and of each event: which subscription, its error, bytes and flags. */
function poll(guest: DirectGuest, subscriptions: readonly Subscription[]): { errno: number; events: number[][] } {
  const { view } = guest;
  for (const [i, { clock, read, write }] of subscriptions.entries()) {
    const at = 1024 + i * 48;
    new Uint8Array(guest.memory.buffer, at, 48).fill(0);
    view.setBigUint64(at, BigInt(i), true);
    const type =
      clock !== undefined
        ? wasi.EVENTTYPE_CLOCK
        : read !== undefined
          ? wasi.EVENTTYPE_FD_READ
          : wasi.EVENTTYPE_FD_WRITE;
    view.setUint8(at + 8, type);
    view.setUint32(at + 16, clock === undefined ? (read ?? write ?? 0) : wasi.CLOCKID_MONOTONIC, true);
    if (clock !== undefined) view.setBigUint64(at + 24, clock, true);
  }
  const errno = guest.call('poll_oneoff', 1024, 2048, subscriptions.length, 0);
  const count = errno === 0 ? view.getUint32(0, true) : 0;
  const events = Array.from({ length: count }, (_, i) => {
    const at = 2048 + i * 32;
    const bytes = Number(view.getBigUint64(at + 16, true));
    return [Number(view.getBigUint64(at, true)), view.getUint16(at + 8, true), bytes, view.getUint16(at + 24, true)];
  });
  return { errno, events };
}

function withStdin(options: Partial<WasiOptions> = {}): { guest: DirectGuest; stdin: InputQueue } {
  const stdin = new InputQueue();
  return { stdin, guest: new DirectGuest({ stdin, ...options }) };
}

test('stdin is ready when bytes are there and, with a hang-up, when it has ended', () => {
  const { guest, stdin } = withStdin();
  const both = [{ read: 0 }, { clock: 0n }];
  expect(poll(guest, both).events).toEqual([[1, 0, 0, 0]]);
  stdin.push(new Uint8Array(5));
  expect(poll(guest, both).events).toEqual([
    [0, 0, 5, 0],
    [1, 0, 0, 0],
  ]);
  stdin.end();
  guest.read(0, 5);
  expect(poll(guest, both).events).toEqual([
    [0, 0, 0, wasi.EVENTRWFLAGS_FD_READWRITE_HANGUP],
    [1, 0, 0, 0],
  ]);
});

test('a descriptor that is not open is told in its event, beside those that are ready', () => {
  const { guest } = withStdin();
  const { errno, events } = poll(guest, [{ read: 99 }, { write: 1 }, { read: 1 }]);
  expect(errno).toBe(0);
  expect(events.map(([which, error]) => [which, error])).toEqual([
    [0, wasi.ERRNO_BADF],
    [1, 0],
    [2, wasi.ERRNO_BADF],
  ]);
});

test('waiting for what nobody can bring is refused, and leaves no start for the next timeout', () => {
  const { guest } = withStdin();
  expect(poll(guest, [{ read: 0 }]).errno).toBe(wasi.ERRNO_NOTSUP);
  expect(guest.host.save().pollStarted).toBeUndefined();
});

test('a call that was woken too early waits on for what is left', () => {
  let now = 100;
  const clock = { realtime: () => now, monotonic: () => now, resolution: { realtime: 1, monotonic: 1 } };
  const suspender = {
    suspendUntil(): never {
      throw new Error('suspended');
    },
  };
  const { guest } = withStdin({ clock, blocking: { kind: 'suspend', suspender } });
  const sleep = [{ clock: 50_000_000n }];
  expect(() => poll(guest, sleep)).toThrow('suspended');
  now = 130;
  expect(() => poll(guest, sleep)).toThrow('suspended');
  now = 150;
  expect(poll(guest, sleep).events).toEqual([[0, 0, 0, 0]]);
  // The next one starts from now.
  expect(() => poll(guest, sleep)).toThrow('suspended');
});
