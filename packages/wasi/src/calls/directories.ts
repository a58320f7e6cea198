import * as wasi from '../abi.ts';
import { errno } from '../errno.ts';
import { DirectoryDescriptor } from '../fd/directory.ts';
import { FD_READDIR } from '../fd/rights.ts';
import type { DescriptorTable } from '../fd/table.ts';
import { FIRST_COOKIE } from '../fs/node.ts';
import { encodeText, writeU64 } from '../memory.ts';
import type { Calls, Process } from '../process.ts';

const HEAD_BYTES = 24;

/** The descriptor if it is a directory; `badf` if it is not open, `notdir` otherwise. */
export function directory(table: DescriptorTable, fd: number): DirectoryDescriptor {
  const descriptor = table.get(fd);
  if (!(descriptor instanceof DirectoryDescriptor)) throw errno(wasi.ERRNO_NOTDIR);
  return descriptor;
}

/** Listing directories, and the pre-opened ones that wasi-libc asks for at its start. */
export function directoryCalls({ memory, table }: Process): Calls {
  // wasi-libc counts up from 3 until it gets `badf`; any other error ends the program.
  const preopenPath = (fd: number): Uint8Array => {
    const descriptor = table.get(fd);
    if (!(descriptor instanceof DirectoryDescriptor) || descriptor.preopenPath === undefined) {
      throw errno(wasi.ERRNO_BADF);
    }
    return encodeText(descriptor.preopenPath);
  };
  return {
    fd_prestat_get(fd: number, pointer: number) {
      const path = preopenPath(fd);
      const at = memory.check(pointer, 8);
      memory.view.setUint32(at, wasi.PREOPENTYPE_DIR, true);
      memory.view.setUint32(at + 4, path.length, true);
    },
    fd_prestat_dir_name(fd: number, pointer: number, length: number) {
      const path = preopenPath(fd);
      if (length >>> 0 < path.length) throw errno(wasi.ERRNO_NAMETOOLONG);
      memory.u8.set(path, memory.check(pointer, path.length));
    },
    /**
     * Fills the buffer with entries from the cookie on. The last one may be cut: a full buffer tells the program to come
     * again with the cookie of the last whole entry.
     */
    fd_readdir(fd: number, buffer: number, size: number, cookie: bigint, used: number) {
      const descriptor = table.get(fd);
      if (!(descriptor instanceof DirectoryDescriptor)) throw errno(wasi.ERRNO_NOTDIR);
      descriptor.require(FD_READDIR);
      const start = memory.check(buffer, size >>> 0);
      memory.check(used, 4);
      const end = start + (size >>> 0);
      const { u8 } = memory;
      const head = new DataView(new ArrayBuffer(HEAD_BYTES));
      const headBytes = new Uint8Array(head.buffer);
      let at = start;
      const put = (bytes: Uint8Array): void => {
        const part = bytes.length > end - at ? bytes.subarray(0, end - at) : bytes;
        u8.set(part, at);
        at += part.length;
      };
      const add = (next: number, ino: number | bigint, filetype: number, name: string): boolean => {
        const bytes = encodeText(name);
        writeU64(head, 0, next);
        if (typeof ino === 'bigint') head.setBigUint64(8, ino, true);
        else writeU64(head, 8, ino);
        head.setUint32(16, bytes.length, true);
        head.setUint32(20, filetype, true);
        put(headBytes);
        put(bytes);
        return at < end;
      };
      const { node } = descriptor.place;
      const from = cookie < 0n || cookie > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(cookie);
      let more = at < end;
      if (more && from < 1) more = add(1, node.stat().ino, wasi.FILETYPE_DIRECTORY, '.');
      if (more && from < 2) more = add(FIRST_COOKIE, node.parentIno(), wasi.FILETYPE_DIRECTORY, '..');
      if (more) {
        for (const entry of descriptor.listing(from === 0).from(Math.max(from, FIRST_COOKIE))) {
          if (!add(entry.cookie, entry.ino, entry.filetype, entry.name)) break;
        }
      }
      memory.setU32(used, at - start);
    },
  };
}
