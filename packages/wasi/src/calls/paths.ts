import * as wasi from '../abi.ts';
import { errno } from '../errno.ts';
import type { DirectoryDescriptor } from '../fd/directory.ts';
import {
  PATH_CREATE_DIRECTORY,
  PATH_FILESTAT_GET,
  PATH_FILESTAT_SET_TIMES,
  PATH_LINK_SOURCE,
  PATH_LINK_TARGET,
  PATH_READLINK,
  PATH_REMOVE_DIRECTORY,
  PATH_RENAME_SOURCE,
  PATH_RENAME_TARGET,
  PATH_SYMLINK,
  PATH_UNLINK_FILE,
} from '../fd/rights.ts';
import type { LastLink, Mount, Namespace, Resolved } from '../fs/namespace.ts';
import { encodeText } from '../memory.ts';
import type { Calls, Process } from '../process.ts';
import { directory } from './directories.ts';
import { timesFromFlags, writeStat } from './filestat.ts';

/** witx `lookupflags`. */
const SYMLINK_FOLLOW = 1;

/** Whether the last link of a path is followed, from witx `lookupflags`; `inval` for unknown bits. */
export function lastLink(flags: number): LastLink {
  if ((flags & ~SYMLINK_FOLLOW) !== 0) throw errno(wasi.ERRNO_INVAL);
  return flags === SYMLINK_FOLLOW ? 'follow' : 'keep';
}

export function resolveAt(namespace: Namespace, base: DirectoryDescriptor, path: string, last: LastLink): Resolved {
  return namespace.resolve(base.place, path, last, base.preopenPath);
}

export function writable(mount: Mount): void {
  if (mount.readOnly) throw errno(wasi.ERRNO_ROFS);
}

/** Calls that take a path, but path_open. */
export function pathCalls({ memory, table, namespace, times }: Process): Calls {
  const at = (fd: number, right: bigint): DirectoryDescriptor => {
    const base = directory(table, fd);
    base.require(right);
    return base;
  };
  /** `.` and `..` name a directory that is there, but they are not names that could be removed or replaced. */
  const isDots = ({ name }: Resolved): boolean => name === '.' || name === '..';

  return {
    path_filestat_get(fd: number, flags: number, pointer: number, length: number, result: number) {
      const base = at(fd, PATH_FILESTAT_GET);
      const { node } = resolveAt(namespace, base, memory.text(pointer, length), lastLink(flags));
      if (!node) throw errno(wasi.ERRNO_NOENT);
      writeStat(memory, result, node.stat());
    },
    path_filestat_set_times(
      fd: number,
      flags: number,
      pointer: number,
      length: number,
      atime: bigint,
      mtime: bigint,
      what: number,
    ) {
      const base = at(fd, PATH_FILESTAT_SET_TIMES);
      const wanted = timesFromFlags(atime, mtime, what, times.realtime);
      const { node, mount } = resolveAt(namespace, base, memory.text(pointer, length), lastLink(flags));
      if (!node) throw errno(wasi.ERRNO_NOENT);
      writable(mount);
      node.setTimes(wanted.atime, wanted.mtime);
    },
    path_create_directory(fd: number, pointer: number, length: number) {
      const base = at(fd, PATH_CREATE_DIRECTORY);
      // A slash at the end says nothing here: a file of that name exists (mkdir(2)), it is not "no directory".
      const path = memory.text(pointer, length).replace(/(?<=[^/])\/+$/, '');
      const { parent, name, node } = resolveAt(namespace, base, path, 'never');
      if (node) throw errno(wasi.ERRNO_EXIST);
      writable(parent.mount);
      parent.node.createDirectory(name);
    },
    path_remove_directory(fd: number, pointer: number, length: number) {
      const base = at(fd, PATH_REMOVE_DIRECTORY);
      const found = resolveAt(namespace, base, memory.text(pointer, length), 'never');
      const { parent, name, node, mount } = found;
      if (!node) throw errno(wasi.ERRNO_NOENT);
      if (node.kind !== 'directory') throw errno(wasi.ERRNO_NOTDIR);
      if (isDots(found)) throw errno(name === '.' ? wasi.ERRNO_INVAL : wasi.ERRNO_NOTEMPTY);
      if (mount !== parent.mount) throw errno(wasi.ERRNO_BUSY);
      writable(mount);
      parent.node.removeDirectory(name);
    },
    path_unlink_file(fd: number, pointer: number, length: number) {
      const base = at(fd, PATH_UNLINK_FILE);
      const { parent, name, node, mount } = resolveAt(namespace, base, memory.text(pointer, length), 'never');
      if (!node) throw errno(wasi.ERRNO_NOENT);
      if (node.kind === 'directory') throw errno(wasi.ERRNO_ISDIR);
      if (mount !== parent.mount) throw errno(wasi.ERRNO_BUSY);
      writable(mount);
      parent.node.unlink(name);
    },
    path_symlink(target: number, targetLength: number, fd: number, pointer: number, length: number) {
      const base = at(fd, PATH_SYMLINK);
      const text = memory.text(target, targetLength);
      const { parent, name, node, slash } = resolveAt(namespace, base, memory.text(pointer, length), 'never');
      if (text === '') throw errno(wasi.ERRNO_NOENT);
      if (text.includes('\0')) throw errno(wasi.ERRNO_INVAL);
      // As wasmtime: a program cannot make links that leave its sandbox. Those that an image brings are followed.
      if (text.startsWith('/')) throw errno(wasi.ERRNO_PERM);
      if (node) throw errno(wasi.ERRNO_EXIST);
      if (slash) throw errno(wasi.ERRNO_NOENT);
      writable(parent.mount);
      parent.node.createSymlink(name, text);
    },
    path_readlink(fd: number, pointer: number, length: number, buffer: number, size: number, used: number) {
      const base = at(fd, PATH_READLINK);
      const { node } = resolveAt(namespace, base, memory.text(pointer, length), 'keep');
      if (!node) throw errno(wasi.ERRNO_NOENT);
      if (node.kind !== 'symlink') throw errno(wasi.ERRNO_INVAL);
      // As readlink(2): what does not fit is left out without a word.
      const bytes = encodeText(node.target).subarray(0, size >>> 0);
      memory.check(used, 4);
      memory.u8.set(bytes, memory.check(buffer, bytes.length));
      memory.setU32(used, bytes.length);
    },
    path_link(
      oldFd: number,
      flags: number,
      oldPointer: number,
      oldLength: number,
      newFd: number,
      newPointer: number,
      newLength: number,
    ) {
      const oldBase = at(oldFd, PATH_LINK_SOURCE);
      const newBase = at(newFd, PATH_LINK_TARGET);
      // linkat(2) knows AT_SYMLINK_FOLLOW, but runtimes agree on refusing it in preview 1.
      if (lastLink(flags) === 'follow') throw errno(wasi.ERRNO_INVAL);
      const source = resolveAt(namespace, oldBase, memory.text(oldPointer, oldLength), 'keep');
      if (!source.node) throw errno(wasi.ERRNO_NOENT);
      const target = resolveAt(namespace, newBase, memory.text(newPointer, newLength), 'never');
      if (target.node) throw errno(wasi.ERRNO_EXIST);
      if (target.slash) throw errno(wasi.ERRNO_NOENT);
      if (source.node.kind === 'directory') throw errno(wasi.ERRNO_PERM);
      if (source.mount !== target.parent.mount) throw errno(wasi.ERRNO_XDEV);
      writable(target.parent.mount);
      target.parent.node.link(target.name, source.node);
    },
    path_rename(
      oldFd: number,
      oldPointer: number,
      oldLength: number,
      newFd: number,
      newPointer: number,
      newLength: number,
    ) {
      const oldBase = at(oldFd, PATH_RENAME_SOURCE);
      const newBase = at(newFd, PATH_RENAME_TARGET);
      const source = resolveAt(namespace, oldBase, memory.text(oldPointer, oldLength), 'never');
      if (!source.node) throw errno(wasi.ERRNO_NOENT);
      const target = resolveAt(namespace, newBase, memory.text(newPointer, newLength), 'never');
      if (isDots(source) || isDots(target)) throw errno(wasi.ERRNO_BUSY);
      if (source.node.kind !== 'directory' && target.slash) throw errno(wasi.ERRNO_NOTDIR);
      if (source.mount !== source.parent.mount) throw errno(wasi.ERRNO_BUSY);
      if (target.mount !== target.parent.mount) throw errno(wasi.ERRNO_BUSY);
      if (source.parent.mount !== target.parent.mount) throw errno(wasi.ERRNO_XDEV);
      writable(source.parent.mount);
      source.parent.node.rename(source.name, target.parent.node, target.name);
    },
  };
}
