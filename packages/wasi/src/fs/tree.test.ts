import { expect, test } from 'vitest';
import { DirectGuest } from '../../test/direct-guest.ts';
import * as wasi from '../abi.ts';
import {
  lazySource,
  MemoryTree,
  type MemoryTreeOptions,
  type Mount,
  publish,
  rangeSource,
  readFile,
  remove,
  writeFile,
} from '../index.ts';

const CREATE = wasi.OFLAGS_CREAT;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function guest(options: MemoryTreeOptions = {}, mount: Partial<Mount> = {}): { guest: DirectGuest; tree: MemoryTree } {
  const tree = new MemoryTree(options);
  return { tree, guest: new DirectGuest({ mounts: [{ path: '/', root: tree.root, ...mount }] }) };
}

test('every name of a directory is seen once when names are removed while it is listed', () => {
  const { guest: program } = guest();
  for (let i = 0; i < 500; i++) program.close(program.open(`file${i}`, CREATE));
  const directory = program.open('.', wasi.OFLAGS_DIRECTORY);
  let seen = 0;
  for (let cookie = 0n; ; ) {
    const part = program.list(directory, cookie, 400);
    if (part.cookie === cookie) break;
    cookie = part.cookie;
    for (const name of part.names) program.must('path_unlink_file', 3, ...program.path(name));
    seen += part.names.length;
  }
  expect(seen).toBe(500);
  expect(program.listAll('.')).toEqual([]);
});

test('the size limit counts what is written over the bundle and ends writing with nospc', () => {
  const { guest: program, tree } = guest({
    bundle: [{ path: 'image', file: new Uint8Array(1_000_000) }],
    sizeLimit: 100_000,
  });
  const file = program.open('file', CREATE);
  expect(program.write(file, new Uint8Array(90_000))).toBe(90_000);
  expect(program.write(file, new Uint8Array(20_000))).toBe(10_000);
  expect(() => program.write(file, 'x')).toThrow(`errno ${wasi.ERRNO_NOSPC}`);
  expect(program.call('fd_allocate', file, 0n, 200_000n)).toBe(wasi.ERRNO_NOSPC);
  const image = program.open('image');
  expect(() => program.write(image, 'x')).toThrow(`errno ${wasi.ERRNO_NOSPC}`);
  expect(program.read(image, 1)).toEqual(new Uint8Array(1));
  program.must('path_unlink_file', 3, ...program.path('file'));
  expect(() => program.write(image, 'x')).toThrow(`errno ${wasi.ERRNO_NOSPC}`);
  program.close(file);
  expect(tree.usage.bytes).toBe(0);
  expect(program.write(image, 'x')).toBe(1);
});

test('the number of inodes is limited, and a removed one can be used again', () => {
  const { guest: program } = guest({ inodeLimit: 3 });
  program.open('a', CREATE);
  program.must('path_create_directory', 3, ...program.path('d'));
  expect(program.call('path_create_directory', 3, ...program.path('e'))).toBe(wasi.ERRNO_NOSPC);
  program.must('path_remove_directory', 3, ...program.path('d'));
  program.must('path_create_directory', 3, ...program.path('e'));
});

test('nothing can be changed through a read-only mount, and everything can be read', () => {
  const { guest: program } = guest({ bundle: [{ path: 'd/file', file: bytes('text') }] }, { readOnly: true });
  const rofs = wasi.ERRNO_ROFS;
  expect(program.text(program.open('d/file', 0, { rights: 0x20002an }))).toBe('text');
  expect(() => program.open('d/file')).toThrow(`errno ${rofs}`);
  expect(() => program.open('d/new', CREATE)).toThrow(`errno ${rofs}`);
  expect(program.call('path_create_directory', 3, ...program.path('x'))).toBe(rofs);
  expect(program.call('path_unlink_file', 3, ...program.path('d/file'))).toBe(rofs);
  expect(program.call('path_remove_directory', 3, ...program.path('d'))).toBe(rofs);
  expect(program.call('path_rename', 3, ...program.path('d'), 3, ...program.path('e', 1))).toBe(rofs);
  expect(program.call('path_link', 3, 0, ...program.path('d/file'), 3, ...program.path('e', 1))).toBe(rofs);
  expect(program.call('path_symlink', ...program.path('d'), 3, ...program.path('e', 1))).toBe(rofs);
  expect(program.call('path_filestat_set_times', 3, 0, ...program.path('d'), 0n, 0n, 8)).toBe(rofs);
});

test('a mount below another is found through it and on its own, and cannot be removed or linked across', () => {
  const root = new MemoryTree();
  const data = new MemoryTree({ bundle: [{ path: 'inside', file: bytes('data') }] });
  const hosts = new MemoryTree({ bundle: [{ path: 'hosts', file: bytes('127.0.0.1') }] });
  const file = hosts.find('hosts');
  if (file?.kind !== 'file') throw new Error('no file');
  const program = new DirectGuest({
    mounts: [
      { path: '/', root: root.root },
      { path: '/mnt/data', root: data.root },
      { path: '/etc/hosts', root: file, readOnly: true },
    ],
  });
  expect(program.listAll('mnt')).toEqual(['data']);
  expect(program.text(program.open('mnt/data/inside'))).toBe('data');
  expect(program.text(program.open('inside', 0, { at: 4 }))).toBe('data');
  expect(program.stat('mnt/data/../data/inside').size).toBe(4n);
  expect(program.call('path_remove_directory', 3, ...program.path('mnt/data'))).toBe(wasi.ERRNO_BUSY);
  expect(program.call('path_unlink_file', 3, ...program.path('etc/hosts'))).toBe(wasi.ERRNO_BUSY);
  program.open('a', CREATE);
  const across = [3, ...program.path('a'), 3, ...program.path('mnt/data/a', 1)];
  expect(program.call('path_rename', ...across)).toBe(wasi.ERRNO_XDEV);
  expect(program.stat('etc/hosts').size).toBe(9n);
  expect(() => program.open('etc/hosts')).toThrow(`errno ${wasi.ERRNO_ROFS}`);
});

test('an absolute link is followed below its pre-opened directory and nowhere else', () => {
  const tree = new MemoryTree({
    bundle: [
      { path: 'usr/lib/file', file: bytes('found') },
      { path: 'deep/er/link', symlink: '/usr/lib/file' },
      { path: 'usr/lib/outside', symlink: '/etc/passwd' },
    ],
  });
  const atRoot = new DirectGuest({ mounts: [{ path: '/', root: tree.root }] });
  expect(atRoot.text(atRoot.open('deep/er/link'))).toBe('found');
  const elsewhere = new DirectGuest({ mounts: [{ path: '/sandbox', root: tree.root }] });
  expect(() => elsewhere.open('deep/er/link')).toThrow(`errno ${wasi.ERRNO_PERM}`);
  expect(() => elsewhere.open('usr/lib/outside')).toThrow(`errno ${wasi.ERRNO_PERM}`);
});

test('the outside replaces a file at once, and a program that has it open keeps the old one', () => {
  const { guest: program, tree } = guest({ bundle: [{ path: 'conf/app', file: bytes('old content') }] });
  const open = program.open('conf/app');
  program.text(open, 4);
  writeFile(tree, 'conf/app', bytes('new'));
  expect(program.text(open)).toBe('content');
  expect(program.text(program.open('conf/app'))).toBe('new');
  expect(program.listAll('conf')).toEqual(['app']);
  remove(tree, 'conf');
  expect(program.listAll('.')).toEqual([]);
  program.write(program.open('back', CREATE), 'for the outside');
  expect(readFile(tree, 'back')).toEqual(bytes('for the outside'));
});

test('a published set of files switches all at once through ..data', () => {
  const { guest: program, tree } = guest();
  publish(tree, 'config', { key: bytes('1'), other: bytes('1'), gone: bytes('1') }, '2026_01');
  expect(program.listAll('config').sort()).toEqual(['..2026_01', '..data', 'gone', 'key', 'other']);
  const directory = program.open('config/..data', wasi.OFLAGS_DIRECTORY);
  publish(tree, 'config', { key: bytes('22'), other: bytes('22') }, '2026_02');
  expect(program.text(program.open('config/key'))).toBe('22');
  expect(program.listAll('config').sort()).toEqual(['..2026_02', '..data', 'key', 'other']);
  expect(program.call('path_filestat_get', directory, 0, ...program.path('key'), 64)).toBe(wasi.ERRNO_NOENT);
  expect(() => publish(tree, 'config', {}, '2026_02')).toThrow('version 2026_02 is there already');
});

test('files made by the outside are in a saved state, in full', () => {
  const { guest: before, tree } = guest();
  writeFile(tree, 'given', new Uint8Array(100_000).fill(9));
  const { guest: after } = guest();
  after.host.restore(before.host.save());
  expect(after.read(after.open('given'), 3, 99_999n)).toEqual(new Uint8Array([9]));
});

test('a lazy file is made at its first read, a ranged one is fetched where it is read', async () => {
  let loads = 0;
  const fetched: number[] = [];
  const ranged = rangeSource(
    1_000_000,
    (offset, length) => {
      fetched.push(offset);
      return new Uint8Array(length).fill(offset / 100_000);
    },
    100_000,
  );
  const lazy = lazySource(5, () => {
    loads++;
    return bytes('12345');
  });
  const { guest: program } = guest({
    bundle: [
      { path: 'lazy', file: lazy },
      { path: 'ranged', file: ranged },
    ],
  });
  expect(program.stat('lazy').size).toBe(5n);
  expect(loads).toBe(0);
  const file = program.open('lazy');
  expect(program.text(file)).toBe('12345');
  program.write(file, '6');
  expect(new TextDecoder().decode(program.read(file, 10, 0n))).toBe('123456');
  expect(loads).toBe(1);
  const big = program.open('ranged');
  expect([...program.read(big, 4, 299_998n)]).toEqual([2, 2, 3, 3]);
  expect(fetched).toEqual([200_000, 300_000]);
});

test('a file that comes by promise makes the call wait and is then read', async () => {
  let suspended: Promise<unknown> | undefined;
  const suspender = {
    suspendUntil(ready: Promise<unknown>): never {
      suspended = ready;
      throw new Error('suspended');
    },
  };
  const source = lazySource(4, async () => bytes('late'));
  const tree = new MemoryTree({ bundle: [{ path: 'late', file: source }] });
  const program = new DirectGuest({
    mounts: [{ path: '/', root: tree.root }],
    blocking: { kind: 'suspend', suspender },
  });
  const file = program.open('late');
  expect(() => program.text(file)).toThrow('suspended');
  await suspended;
  expect(program.text(file)).toBe('late');
});

test('a sparse file takes no space for its holes', () => {
  const { guest: program, tree } = guest({ sizeLimit: 200_000 });
  const file = program.open('sparse', CREATE);
  program.write(file, 'end', 10_000_000_000n);
  expect(program.stat(file).size).toBe(10_000_000_003n);
  expect(tree.usage.bytes).toBeLessThanOrEqual(65_536);
  expect(program.read(file, 5, 9_999_999_998n)).toEqual(new Uint8Array([0, 0, 101, 110, 100]));
});

test('100,000 names are listed once each, in the order in which they came', () => {
  const bundle = Array.from({ length: 100_000 }, (_, i) => ({ path: `d/${i}`, file: new Uint8Array() }));
  const { guest: program } = guest({ bundle });
  const names = program.listAll('d');
  expect(names.length).toBe(100_000);
  expect(names.every((name, i) => name === String(i))).toBe(true);
});
