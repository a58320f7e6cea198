import * as wasi from '../abi.ts';
import { errno } from '../errno.ts';
import type { FileHandle, FileNode, NodeStat, Timestamp } from '../fs/node.ts';
import type { Readiness } from './descriptor.ts';
import { Descriptor } from './descriptor.ts';
import {
  FD_ALLOCATE,
  FD_FILESTAT_SET_SIZE,
  FD_FILESTAT_SET_TIMES,
  FD_READ,
  FD_SEEK,
  FD_TELL,
  FD_WRITE,
} from './rights.ts';

/** An open regular file. */
export class FileDescriptor extends Descriptor {
  readonly filetype: number = wasi.FILETYPE_REGULAR_FILE;
  readonly node: FileNode;
  readonly handle: FileHandle;
  position = 0;

  constructor(node: FileNode, handle: FileHandle, rightsBase: bigint, rightsInheriting: bigint, flags: number) {
    super(rightsBase, rightsInheriting, flags);
    this.node = node;
    this.handle = handle;
  }

  stat(): NodeStat {
    return this.handle.stat();
  }

  override read(into: Uint8Array, start: number, length: number): number {
    this.#readable();
    const done = this.handle.read(this.position, into, start, length);
    this.position += done;
    return done;
  }

  override readAt(position: number, into: Uint8Array, start: number, length: number): number {
    this.#readable();
    this.require(FD_SEEK);
    return this.handle.read(position, into, start, length);
  }

  override write(from: Uint8Array, start: number, length: number): number {
    this.#writable();
    const append = (this.flags & wasi.FDFLAGS_APPEND) !== 0;
    const at = append ? this.handle.size() : this.position;
    const done = this.handle.write(at, from, start, length);
    this.position = at + done;
    return done;
  }

  // As on Linux, and unlike POSIX, a positional write to a file open for appending appends (pwrite(2), BUGS).
  override writeAt(position: number, from: Uint8Array, start: number, length: number): number {
    this.#writable();
    this.require(FD_SEEK);
    const append = (this.flags & wasi.FDFLAGS_APPEND) !== 0;
    return this.handle.write(append ? this.handle.size() : position, from, start, length);
  }

  override seek(offset: number, whence: number): number {
    const from =
      whence === wasi.WHENCE_SET
        ? 0
        : whence === wasi.WHENCE_CUR
          ? this.position
          : whence === wasi.WHENCE_END
            ? this.handle.size()
            : undefined;
    if (from === undefined) throw errno(wasi.ERRNO_INVAL);
    // Asking where one is takes the right to tell, not the right to move.
    this.require(whence === wasi.WHENCE_CUR && offset === 0 ? FD_TELL : FD_SEEK);
    const to = from + offset;
    if (to < 0) throw errno(wasi.ERRNO_INVAL);
    if (to > Number.MAX_SAFE_INTEGER) throw errno(wasi.ERRNO_OVERFLOW);
    this.position = to;
    return to;
  }

  override tell(): number {
    this.require(FD_TELL);
    return this.position;
  }

  override setSize(size: number): void {
    // ftruncate(2): EINVAL, not EBADF, for a file that is not open for writing.
    if ((this.rightsBase & FD_WRITE) === 0n) throw errno(wasi.ERRNO_INVAL);
    this.require(FD_FILESTAT_SET_SIZE);
    this.handle.truncate(size);
  }

  override allocate(size: number): void {
    this.#writable();
    this.require(FD_ALLOCATE);
    this.handle.allocate(size);
  }

  override advise(): void {}

  override setTimes(atime: Timestamp | undefined, mtime: Timestamp | undefined): void {
    this.require(FD_FILESTAT_SET_TIMES);
    this.handle.setTimes(atime, mtime);
  }

  override sync(): void {
    this.handle.sync();
  }

  override close(): void {
    this.handle.close();
  }

  override pollRead(): Readiness {
    return { bytes: Math.max(0, this.handle.size() - this.position), hangup: false };
  }

  override pollWrite(): Readiness {
    return { bytes: WRITE_ROOM, hangup: false };
  }

  // Access mode is a matter of POSIX (EBADF); rights are WASI's own (ENOTCAPABLE). wasmtime answers the same.
  #readable(): void {
    if ((this.rightsBase & FD_READ) === 0n) throw errno(wasi.ERRNO_BADF);
  }

  #writable(): void {
    if ((this.rightsBase & FD_WRITE) === 0n) throw errno(wasi.ERRNO_BADF);
  }
}

/** What poll_oneoff says can be written where there is no limit to speak of: the size of a page, as for a pipe. */
export const WRITE_ROOM = 4096;
