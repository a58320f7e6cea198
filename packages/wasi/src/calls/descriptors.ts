import * as wasi from '../abi.ts';
import { Errno, errno } from '../errno.ts';
import { FD_ADVISE, FD_DATASYNC, FD_FDSTAT_SET_FLAGS, FD_FILESTAT_GET, FD_SYNC } from '../fd/rights.ts';
import { Pending } from '../pending.ts';
import type { Calls, Process } from '../process.ts';
import { timesFromFlags, writeStat } from './filestat.ts';

const ALL_FLAGS =
  wasi.FDFLAGS_APPEND | wasi.FDFLAGS_DSYNC | wasi.FDFLAGS_NONBLOCK | wasi.FDFLAGS_RSYNC | wasi.FDFLAGS_SYNC;
/** IOV_MAX of Linux; wasi-libc itself sends at most this many. */
const MAX_VECTORS = 1024;

/** Calls on an open descriptor that do not take a path. */
export function descriptorCalls({ memory, table, times }: Process): Calls {
  /** Moves each vector through `move`, until one is moved only in part. Nothing moved yet: errors and waits pass. */
  const transfer = (
    vectors: number,
    count: number,
    moved: number,
    move: (bytes: Uint8Array, start: number, length: number, done: number) => number,
  ): void => {
    if (count >>> 0 > MAX_VECTORS) throw errno(wasi.ERRNO_INVAL);
    const first = memory.check(vectors, count * 8);
    memory.check(moved, 4);
    const { u8, view } = memory;
    for (let i = 0; i < count; i++)
      memory.check(view.getUint32(first + i * 8, true), view.getUint32(first + i * 8 + 4, true));
    let total = 0;
    let i = 0;
    do {
      const start = count === 0 ? 0 : view.getUint32(first + i * 8, true);
      const length = count === 0 ? 0 : view.getUint32(first + i * 8 + 4, true);
      if (total + length > 0x7fffffff && total > 0) break;
      let done: number;
      try {
        done = move(u8, start, length, total);
      } catch (error) {
        if (total > 0 && (error instanceof Pending || error instanceof Errno)) break;
        throw error;
      }
      total += done;
      if (done < length) break;
    } while (++i < count);
    memory.setU32(moved, total);
  };
  const offset = (value: bigint): number => {
    if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) throw errno(wasi.ERRNO_INVAL);
    return Number(value);
  };

  return {
    fd_read(fd: number, vectors: number, count: number, read: number) {
      const descriptor = table.get(fd);
      transfer(vectors, count, read, (bytes, start, length) => descriptor.read(bytes, start, length));
    },
    fd_write(fd: number, vectors: number, count: number, written: number) {
      const descriptor = table.get(fd);
      transfer(vectors, count, written, (bytes, start, length) => descriptor.write(bytes, start, length));
    },
    fd_pread(fd: number, vectors: number, count: number, position: bigint, read: number) {
      const descriptor = table.get(fd);
      const at = offset(position);
      transfer(vectors, count, read, (bytes, start, length, done) =>
        descriptor.readAt(at + done, bytes, start, length),
      );
    },
    fd_pwrite(fd: number, vectors: number, count: number, position: bigint, written: number) {
      const descriptor = table.get(fd);
      const at = offset(position);
      transfer(vectors, count, written, (bytes, start, length, done) =>
        descriptor.writeAt(at + done, bytes, start, length),
      );
    },
    fd_seek(fd: number, distance: bigint, whence: number, result: number) {
      const descriptor = table.get(fd);
      memory.check(result, 8);
      // Not exact beyond 2^53, where every answer is the same error.
      memory.setU64(result, descriptor.seek(Number(distance), whence));
    },
    fd_tell(fd: number, result: number) {
      memory.setU64(result, table.get(fd).tell());
    },
    fd_close: (fd: number) => table.close(fd),
    fd_renumber: (from: number, to: number) => table.renumber(from, to),
    fd_sync(fd: number) {
      const descriptor = table.get(fd);
      descriptor.sync();
      descriptor.require(FD_SYNC);
    },
    fd_datasync(fd: number) {
      const descriptor = table.get(fd);
      descriptor.sync();
      descriptor.require(FD_DATASYNC);
    },
    fd_advise(fd: number, position: bigint, length: bigint, advice: number) {
      const descriptor = table.get(fd);
      if (advice < wasi.ADVICE_NORMAL || advice > wasi.ADVICE_NOREUSE) throw errno(wasi.ERRNO_INVAL);
      if (position < 0n || length < 0n) throw errno(wasi.ERRNO_INVAL);
      descriptor.advise();
      descriptor.require(FD_ADVISE);
    },
    fd_allocate(fd: number, position: bigint, length: bigint) {
      const descriptor = table.get(fd);
      // posix_fallocate: a length of zero is refused.
      if (length <= 0n) throw errno(wasi.ERRNO_INVAL);
      const end = offset(position) + offset(length);
      if (end > Number.MAX_SAFE_INTEGER) throw errno(wasi.ERRNO_FBIG);
      descriptor.allocate(end);
    },
    fd_fdstat_get(fd: number, pointer: number) {
      const descriptor = table.get(fd);
      const at = memory.check(pointer, 24);
      const { view } = memory;
      memory.u8.fill(0, at, at + 8);
      view.setUint8(at, descriptor.filetype);
      view.setUint16(at + 2, descriptor.flags, true);
      view.setBigUint64(at + 8, descriptor.rightsBase, true);
      view.setBigUint64(at + 16, descriptor.rightsInheriting, true);
    },
    fd_fdstat_set_flags(fd: number, flags: number) {
      const descriptor = table.get(fd);
      if ((flags & ~ALL_FLAGS) !== 0) throw errno(wasi.ERRNO_INVAL);
      descriptor.require(FD_FDSTAT_SET_FLAGS);
      descriptor.flags = flags;
    },
    fd_fdstat_set_rights(fd: number, base: bigint, inheriting: bigint) {
      const descriptor = table.get(fd);
      const wantedBase = BigInt.asUintN(64, base);
      const wantedInheriting = BigInt.asUintN(64, inheriting);
      if ((wantedBase & ~descriptor.rightsBase) !== 0n || (wantedInheriting & ~descriptor.rightsInheriting) !== 0n) {
        throw errno(wasi.ERRNO_NOTCAPABLE);
      }
      descriptor.rightsBase = wantedBase;
      descriptor.rightsInheriting = wantedInheriting;
    },
    fd_filestat_get(fd: number, pointer: number) {
      const descriptor = table.get(fd);
      descriptor.require(FD_FILESTAT_GET);
      writeStat(memory, pointer, descriptor.stat());
    },
    fd_filestat_set_size(fd: number, size: bigint) {
      const descriptor = table.get(fd);
      const bytes = offset(size);
      descriptor.setSize(bytes);
    },
    fd_filestat_set_times(fd: number, atime: bigint, mtime: bigint, flags: number) {
      const descriptor = table.get(fd);
      const wanted = timesFromFlags(atime, mtime, flags, times.realtime);
      descriptor.setTimes(wanted.atime, wanted.mtime);
    },
  };
}
