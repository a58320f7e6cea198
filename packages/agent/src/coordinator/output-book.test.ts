import { decodeFrame, limits } from '@wigeon/protocol';
import { expect, it } from 'vitest';
import { OutputBook } from './output-book.ts';

const id = '00000000-0000-4000-8000-000000000001';
const frames = (book: OutputBook): [string, number, string][] =>
  [...book.takeUnsent(id, 1)].map((frame) => {
    const decoded = decodeFrame(frame);
    if (decoded.kind !== 'output') throw new Error(`not output: ${decoded.kind}`);
    const { stream, offset, bytes } = decoded;
    return [stream, offset, new TextDecoder().decode(bytes)];
  });
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

it('joins neighbours of one stream and keeps the order of the two', () => {
  const book = new OutputBook();
  book.append('stdout', text('a'));
  book.append('stdout', text('bc'));
  book.append('stderr', text('x'));
  book.append('stdout', text('d'));
  expect(frames(book)).toEqual([
    ['stdout', 0, 'abc'],
    ['stderr', 0, 'x'],
    ['stdout', 3, 'd'],
  ]);
  expect(frames(book)).toEqual([]);
});

it('cuts a long write at the frame limit', () => {
  const book = new OutputBook();
  book.append('stdout', new Uint8Array(limits.outputBytes + 1));
  expect([...book.takeUnsent(id, 1)].map((frame) => decodeFrame(frame).bytes.length)).toEqual([limits.outputBytes, 1]);
});

it('after rewinding sends what is not stored, from the middle of a write too', () => {
  const book = new OutputBook();
  book.append('stdout', text('abc'));
  book.append('stderr', text('xy'));
  expect(frames(book)).toHaveLength(2);
  book.append('stdout', text('def'));
  book.rewind({ stdout: 1, stderr: 2 });
  expect(frames(book)).toEqual([
    ['stdout', 1, 'bc'],
    ['stdout', 3, 'def'],
  ]);
});

it('forgets what is acknowledged and never believes more than it produced, or less than before', () => {
  const book = new OutputBook();
  book.append('stdout', text('abc'));
  book.acknowledge({ stdout: 99, stderr: 5 });
  expect([book.keptBytes, book.storedBytes]).toEqual([0, 3]);
  book.acknowledge({ stdout: 0, stderr: 0 });
  expect(book.storedBytes).toBe(3);
  expect(book.produced).toEqual({ stdout: 3, stderr: 0 });
});
