import { expect, test } from 'vitest';
import { DirectGuest } from '../../test/direct-guest.ts';
import * as wasi from '../abi.ts';
import { type BatchOptions, batchOutputs, directOutput, OutputQueue } from '../index.ts';

function program(options: BatchOptions): { guest: DirectGuest; pieces: string[]; time: { now: number } } {
  const pieces: string[] = [];
  const time = { now: 0 };
  const to = (name: string) => directOutput((bytes) => pieces.push(`${name} ${new TextDecoder().decode(bytes)}`));
  const outputs = batchOutputs({ stdout: to('out'), stderr: to('err') }, { now: () => time.now, ...options });
  return { guest: new DirectGuest(outputs), pieces, time };
}

test('the first write goes out at once, those right behind it together', () => {
  const { guest, pieces, time } = program({ bytes: 100, milliseconds: 10 });
  for (const text of ['a', 'b', 'c']) guest.write(1, text);
  expect(pieces).toEqual(['out a']);
  time.now = 11;
  guest.write(1, 'd');
  expect(pieces).toEqual(['out a', 'out bc', 'out d']);
  guest.write(1, 'e');
  guest.host.flush();
  expect(pieces.at(-1)).toBe('out e');
});

test('a full batch goes out, and nothing is lost or turned around', () => {
  const { guest, pieces } = program({ bytes: 100 });
  let expected = '';
  for (let i = 0; i < 200; i++) {
    const text = `${i},`.repeat(i % 7);
    expected += text;
    guest.write(1, text);
  }
  guest.host.flush();
  expect(pieces.map((piece) => piece.slice(4)).join('')).toBe(expected);
  expect(pieces.length).toBeLessThan(60);
});

test('with exact order stdout and stderr arrive as they were written', () => {
  const { guest, pieces } = program({ order: 'exact' });
  for (const [fd, text] of [
    [1, 'a'],
    [1, 'b'],
    [2, 'c'],
    [2, 'd'],
    [1, 'e'],
    [2, 'f'],
  ] as const)
    guest.write(fd, text);
  guest.host.flush();
  expect(
    pieces
      .join(' ')
      .replace(/out |err /g, '')
      .replaceAll(' ', ''),
  ).toBe('abcdef');
});

test('held output goes out before the program waits', () => {
  const { guest, pieces } = program({});
  guest.write(1, 'a');
  guest.write(1, 'b');
  guest.view.setBigUint64(124, 1_000_000n, true);
  guest.must('poll_oneoff', 100, 200, 1, 0);
  expect(pieces).toEqual(['out a', 'out b']);
});

test('a consumer that is behind makes the program wait, and no byte is lost', async () => {
  const got: number[] = [];
  let suspended: Promise<unknown> | undefined;
  const suspender = {
    suspendUntil(ready: Promise<unknown>): never {
      suspended = ready;
      throw new Error('suspended');
    },
  };
  const queue = new OutputQueue({ highWater: 50, deliver: (bytes) => got.push(...bytes) });
  const { stdout } = batchOutputs({ stdout: queue, stderr: queue }, { bytes: 20, now: () => 0 });
  const guest = new DirectGuest({ stdout, blocking: { kind: 'suspend', suspender } });
  let written = 0;
  const write = (): void => {
    const bytes = Uint8Array.from({ length: 30 }, (_, i) => (written + i) & 255);
    written += guest.write(1, bytes);
  };
  expect(() => {
    for (;;) write();
  }).toThrow('suspended');
  expect(written).toBe(70);
  expect(got.length).toBe(50);
  queue.taken(50);
  await suspended;
  write();
  expect(written).toBe(100);
  guest.must('fd_fdstat_set_flags', 1, wasi.FDFLAGS_NONBLOCK);
  expect(() => {
    for (;;) write();
  }).toThrow(`errno ${wasi.ERRNO_AGAIN}`);
  for (let before = -1; before !== got.length; ) {
    before = got.length;
    queue.taken(queue.room === 50 ? 0 : 50 - queue.room);
    guest.host.flush();
  }
  expect(got).toEqual(Array.from({ length: written }, (_, i) => i & 255));
  queue.close();
  expect(() => write()).toThrow(`errno ${wasi.ERRNO_PIPE}`);
});
