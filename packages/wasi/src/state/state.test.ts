import { expect, test } from 'vitest';
import { DirectGuest } from '../../test/direct-guest.ts';
import * as wasi from '../abi.ts';
import { type BundleEntry, closedInput, MemoryTree, WasiError, type WasiOptions } from '../index.ts';
import { decodeState, encodeState } from './encode.ts';

const CREATE = wasi.OFLAGS_CREAT;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const bundle: BundleEntry[] = [
  { path: 'etc/config', file: bytes('from the image') },
  { path: 'etc/other', file: bytes('other') },
  { path: 'bin/tool', file: bytes('tool'.repeat(50_000)) },
  { path: 'link', symlink: 'etc/config' },
];

function guest(options: Partial<WasiOptions> = {}): { guest: DirectGuest; tree: MemoryTree } {
  const tree = new MemoryTree({ bundle });
  return { tree, guest: new DirectGuest({ mounts: [{ path: '/', root: tree.root }], ...options }) };
}

test('a program finds descriptors, offsets and files as they were, in another host', () => {
  const { guest: before } = guest({ stdin: closedInput(bytes('first second')) });
  before.read(0, 6);
  const config = before.open('etc/config');
  before.text(config, 5);
  const log = before.open('log', CREATE, { flags: wasi.FDFLAGS_APPEND });
  before.write(log, 'one\n');
  before.must('path_link', 3, 0, ...before.path('log'), 3, ...before.path('hard', 1));
  before.must('path_unlink_file', 3, ...before.path('etc/other'));
  before.must('path_create_directory', 3, ...before.path('dir'));
  before.must('path_symlink', ...before.path('../log', 1), 3, ...before.path('dir/link'));
  const unlinked = before.open('temporary', CREATE);
  before.write(unlinked, 'no name left');
  before.must('path_unlink_file', 3, ...before.path('temporary'));
  const tool = before.open('bin/tool');
  before.write(tool, 'TOOL', 100_000n);
  before.must('path_create_directory', 3, ...before.path('removed'));
  const removed = before.open('removed', wasi.OFLAGS_DIRECTORY);
  before.must('path_remove_directory', 3, ...before.path('removed'));

  const state = decodeState(encodeState(before.host.save()));
  expect(state.streams).toEqual({ stdin: 6, stdout: 0, stderr: 0 });

  const { guest: after } = guest({ stdin: closedInput(bytes('first second').subarray(state.streams.stdin)) });
  after.host.restore(state);
  expect(after.text(0)).toBe('second');
  expect(after.text(config)).toBe('the image');
  after.write(log, 'two\n');
  expect(after.text(after.open('hard'))).toBe('one\ntwo\n');
  expect(after.text(after.open('dir/link'))).toBe('one\ntwo\n');
  expect(after.stat('log').nlink).toBe(2n);
  expect(after.call('path_filestat_get', 3, 0, ...after.path('etc/other'), 32)).toBe(wasi.ERRNO_NOENT);
  expect(new TextDecoder().decode(after.read(unlinked, 100, 0n))).toBe('no name left');
  expect(after.stat(unlinked).nlink).toBe(0n);
  expect(new TextDecoder().decode(after.read(tool, 12, 99_996n))).toBe('toolTOOLtool');
  expect(after.call('path_create_directory', removed, ...after.path('x'))).toBe(wasi.ERRNO_NOENT);
  expect(after.listAll('.').sort()).toEqual(['bin', 'dir', 'etc', 'hard', 'link', 'log']);
});

test('a state holds only what differs from the bundle, and a delta only what changed since', () => {
  const { guest: before } = guest();
  expect(before.host.save().trees[0]!.nodes).toEqual([]);
  const big = before.open('big', CREATE);
  before.write(big, new Uint8Array(1_000_000).fill(1));
  const full = before.host.save();
  before.write(big, bytes('changed'), 500_000n);
  before.must('path_unlink_file', 3, ...before.path('etc/config'));
  const delta = before.host.save(full);
  const changed = delta.trees[0]!.nodes.flatMap((node) => (node.kind === 'file' ? node.chunks : []));
  expect(changed.map(([index]) => index)).toEqual([7]);

  const { guest: after, tree } = guest();
  after.host.restore(full, delta);
  expect(after.stat('big').size).toBe(1_000_000n);
  expect(new TextDecoder().decode(after.read(big, 7, 500_000n))).toBe('changed');
  expect(after.read(big, 1, 999_999n)).toEqual(new Uint8Array([1]));
  expect(after.listAll('etc')).toEqual(['other']);
  expect(tree.usage.bytes).toBe(16 * 65536);
});

test('a truncated file does not get its old bytes back from an earlier state', () => {
  const { guest: before } = guest();
  const file = before.open('file', CREATE);
  before.write(file, new Uint8Array(200_000).fill(7));
  const full = before.host.save();
  before.must('fd_filestat_set_size', file, 10n);
  before.must('fd_filestat_set_size', file, 150_000n);
  const { guest: after } = guest();
  after.host.restore(full, before.host.save(full));
  expect([...after.read(file, 12, 4n)]).toEqual([7, 7, 7, 7, 7, 7, 0, 0, 0, 0, 0, 0]);
  expect(after.read(file, 1, 140_000n)).toEqual(new Uint8Array([0]));
});

test('a directory is listed on where the program stopped', () => {
  const { guest: before } = guest();
  for (let i = 0; i < 200; i++) before.close(before.open(`file${i}`, CREATE));
  const directory = before.open('.', wasi.OFLAGS_DIRECTORY);
  const first = before.list(directory, 0n, 2000);
  const { guest: after } = guest();
  after.host.restore(before.host.save());
  after.must('path_unlink_file', 3, ...after.path('file199'));
  const rest = after.list(directory, first.cookie, 65_536);
  expect([...first.names, ...rest.names].length).toBe(202);
  expect(new Set([...first.names, ...rest.names]).size).toBe(202);
});

test('the monotonic clock goes on, and a poll that waited keeps its deadline', async () => {
  let time = 1000;
  const clock = { realtime: () => 1e12 + time, monotonic: () => time, resolution: { realtime: 1, monotonic: 1 } };
  let ready: Promise<unknown> | undefined;
  const suspender = {
    suspendUntil(until: Promise<unknown>): never {
      ready = until;
      throw new Error('suspended');
    },
  };
  const options = { clock, blocking: { kind: 'suspend', suspender } } as const;
  const poll = (program: DirectGuest): number => {
    program.view.setBigUint64(124, 10_000_000n, true);
    return program.call('poll_oneoff', 100, 200, 1, 0);
  };
  const { guest: before } = guest(options);
  expect(() => poll(before)).toThrow('suspended');
  await ready;
  time += 4;
  const state = before.host.save();

  time = 50;
  const shifted = { ...clock, realtime: () => 1e12 + 1004 + 5 + (time - 50) };
  const { guest: after } = guest({ ...options, clock: shifted });
  after.host.restore(state);
  expect(() => poll(after)).toThrow('suspended');
  after.must('clock_time_get', 1, 0n, 8);
  expect(after.view.getBigUint64(8, true)).toBe(1_009_000_000n);
  time += 1;
  expect(poll(after)).toBe(wasi.ERRNO_SUCCESS);
});

test('a state that does not fit is refused with what does not fit', () => {
  const { guest: before } = guest();
  before.open('new', CREATE);
  const state = before.host.save();
  const other = new DirectGuest({ mounts: [] });
  expect(() => other.host.restore(state)).toThrow(/1 trees, the mounts have 0/);
  const lost = { ...state, trees: [{ ...state.trees[0]!, nodes: [] }] };
  expect(() => guest().guest.host.restore(lost)).toThrow(WasiError);
});

test('damaged bytes of a state are refused, whatever is damaged', () => {
  const { guest: before } = guest();
  before.write(before.open('new', CREATE), 'content');
  const good = encodeState(before.host.save());
  for (const length of [0, 3, 12, 40, good.length - 1]) {
    expect(() => decodeState(good.subarray(0, length))).toThrow(WasiError);
  }
  const text = Buffer.from(good).toString('latin1');
  const damage = (from: string, to: string): Uint8Array => Buffer.from(text.replace(from, to), 'latin1');
  expect(() => decodeState(damage('"position"', '"pasition"'))).toThrow(/position/);
  expect(() => decodeState(damage('"kind":"file"', '"kind":"fire"'))).toThrow(/kind/);
  expect(() => decodeState(damage('"fd":0', '"fd":-'))).toThrow(WasiError);
});
