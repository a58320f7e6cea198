import * as wasi from '../abi.ts';
import { errno } from '../errno.ts';
import type { Descriptor } from '../fd/descriptor.ts';
import { DirectoryDescriptor } from '../fd/directory.ts';
import { FileDescriptor } from '../fd/file.ts';
import {
  DIRECTORY_RIGHTS,
  FD_READ,
  FD_WRITE,
  FILE_RIGHTS,
  PATH_CREATE_FILE,
  PATH_FILESTAT_SET_SIZE,
  PATH_OPEN,
} from '../fd/rights.ts';
import type { Calls, Process } from '../process.ts';
import { directory } from './directories.ts';
import { lastLink, resolveAt, writable } from './paths.ts';

const ALL_OFLAGS = wasi.OFLAGS_CREAT | wasi.OFLAGS_DIRECTORY | wasi.OFLAGS_EXCL | wasi.OFLAGS_TRUNC;

export function openCall({ memory, table, namespace }: Process): Calls {
  return {
    path_open(
      fd: number,
      lookup: number,
      pointer: number,
      length: number,
      oflags: number,
      base: bigint,
      _inheriting: bigint,
      flags: number,
      result: number,
    ) {
      const from = directory(table, fd);
      memory.check(result, 4);
      const path = memory.text(pointer, length);
      const has = (flag: number): boolean => (oflags & flag) !== 0;
      if ((oflags & ~ALL_OFLAGS) !== 0) throw errno(wasi.ERRNO_INVAL);
      from.require(PATH_OPEN);
      if (has(wasi.OFLAGS_CREAT)) from.require(PATH_CREATE_FILE);
      if (has(wasi.OFLAGS_TRUNC)) from.require(PATH_FILESTAT_SET_SIZE);
      // As wasmtime, which programs are written against: what is asked for decides the access mode, and only that. All
      // other rights come from the directory, where a program may have given some up (fd_fdstat_set_rights).
      const write = (base & FD_WRITE) !== 0n;
      const read = (base & FD_READ) !== 0n || !write;
      const mode = (read ? FD_READ : 0n) | (write ? FD_WRITE : 0n);
      const passedOn = from.rightsInheriting;
      const fileRights = FILE_RIGHTS & passedOn & (mode | ~(FD_READ | FD_WRITE));
      const access = { read: (fileRights & FD_READ) !== 0n, write: (fileRights & FD_WRITE) !== 0n };
      const exclusive = has(wasi.OFLAGS_CREAT) && has(wasi.OFLAGS_EXCL);
      const wanted = lastLink(lookup);
      const found = resolveAt(namespace, from, path, exclusive ? 'never' : wanted);
      if (has(wasi.OFLAGS_CREAT) && has(wasi.OFLAGS_DIRECTORY)) throw errno(wasi.ERRNO_INVAL);
      let { node } = found;
      const { parent, mount } = found;
      if (node && exclusive) throw errno(wasi.ERRNO_EXIST);
      if (!node) {
        if (!has(wasi.OFLAGS_CREAT)) throw errno(wasi.ERRNO_NOENT);
        if (found.slash) throw errno(wasi.ERRNO_ISDIR);
        writable(parent.mount);
      } else if (node.kind === 'symlink') {
        // O_NOFOLLOW meets a link.
        throw errno(has(wasi.OFLAGS_DIRECTORY) ? wasi.ERRNO_NOTDIR : wasi.ERRNO_LOOP);
      } else if (node.kind === 'directory') {
        if (write || has(wasi.OFLAGS_CREAT) || has(wasi.OFLAGS_TRUNC)) throw errno(wasi.ERRNO_ISDIR);
      } else {
        if (has(wasi.OFLAGS_DIRECTORY)) throw errno(wasi.ERRNO_NOTDIR);
        if (write || has(wasi.OFLAGS_TRUNC)) writable(mount);
      }
      const number = table.reserve();
      node ??= parent.node.createFile(found.name);
      let descriptor: Descriptor;
      if (node.kind === 'directory') {
        descriptor = new DirectoryDescriptor({ node, mount }, DIRECTORY_RIGHTS & passedOn, passedOn, flags);
      } else {
        const handle = node.open(access);
        try {
          if (has(wasi.OFLAGS_TRUNC)) handle.truncate(0);
        } catch (error) {
          handle.close();
          throw error;
        }
        descriptor = new FileDescriptor(node, handle, fileRights, 0n, flags);
      }
      table.set(number, descriptor);
      memory.setU32(result, number);
    },
  };
}
