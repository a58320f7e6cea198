import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DirectGuest } from '../../test/direct-guest.ts';
import * as wasi from '../abi.ts';
import { hostDirectory } from './index.ts';

let directory: string;
let program: DirectGuest;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'host-directory-'));
  program = new DirectGuest({ mounts: [{ path: '/', root: hostDirectory(directory) }] });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const CREATE = wasi.OFLAGS_CREAT;

test('what the guest writes is on the disk, and what is put there the guest sees', () => {
  program.must('path_create_directory', 3, ...program.path('d'));
  const file = program.open('d/file', CREATE);
  program.write(file, 'from the guest');
  expect(readFileSync(join(directory, 'd/file'), 'utf8')).toBe('from the guest');
  writeFileSync(join(directory, 'd/other'), 'from the host');
  expect(program.text(program.open('d/other'))).toBe('from the host');
  expect(program.listAll('d').sort()).toEqual(['file', 'other']);
  program.must('path_rename', 3, ...program.path('d'), 3, ...program.path('e', 1));
  program.must('path_unlink_file', 3, ...program.path('e/other'));
  expect(existsSync(join(directory, 'e/other'))).toBe(false);
});

test('no path and no link leads out of the directory', () => {
  const outside = mkdtempSync(join(tmpdir(), 'outside-'));
  try {
    writeFileSync(join(outside, 'secret'), 'secret');
    symlinkSync(outside, join(directory, 'absolute'));
    symlinkSync(`../${outside.split('/').at(-1)}`, join(directory, 'relative'));
    mkdirSync(join(directory, 'd'));
    symlinkSync(`../../${outside.split('/').at(-1)}/secret`, join(directory, 'd/deep'));
    const reached = ['absolute/secret', 'relative/secret', 'd/deep', '../secret', 'd/../../secret'].map((path) =>
      program.call('path_open', 3, 1, ...program.path(path), 0, 2n, 0n, 0, 0),
    );
    // An absolute link is a path in the guest, where there is no such directory.
    expect(reached).toEqual([wasi.ERRNO_NOENT, ...Array(4).fill(wasi.ERRNO_PERM)]);
  } finally {
    rmSync(outside, { recursive: true });
  }
});

test('an open directory goes on under its new name', () => {
  program.must('path_create_directory', 3, ...program.path('old'));
  const open = program.open('old', wasi.OFLAGS_DIRECTORY);
  program.must('path_rename', 3, ...program.path('old'), 3, ...program.path('new', 1));
  program.must('path_create_directory', open, ...program.path('child'));
  expect(existsSync(join(directory, 'new/child'))).toBe(true);
});

test('descriptors in a host directory are saved by path', () => {
  program.write(program.open('file', CREATE), '0123456789');
  const file = program.open('file');
  program.text(file, 4);
  const after = new DirectGuest({ mounts: [{ path: '/', root: hostDirectory(directory) }] });
  after.host.restore(program.host.save());
  expect(after.text(file)).toBe('456789');
});

test('a path that is no directory is refused when it is mounted', () => {
  writeFileSync(join(directory, 'file'), '');
  expect(() => hostDirectory(join(directory, 'file'))).toThrow(/is not a directory/);
  expect(() => hostDirectory(join(directory, 'missing'))).toThrow(/ENOENT/);
});
