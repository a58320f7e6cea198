import * as wasi from '../abi.ts';
import { errno } from '../errno.ts';
import type { NodeStat, Timestamp } from '../fs/node.ts';
import type { Waitable } from '../pending.ts';

/** What poll_oneoff reports for a descriptor that is ready. */
export interface Readiness {
  readonly bytes: number;
  readonly hangup: boolean;
}

/** An entry of the descriptor table. The defaults are the answers of a descriptor that cannot do a thing. */
export abstract class Descriptor {
  abstract readonly filetype: number;
  /** witx `fdflags`. */
  flags: number;
  rightsBase: bigint;
  rightsInheriting: bigint;

  constructor(rightsBase: bigint, rightsInheriting: bigint, flags = 0) {
    this.rightsBase = rightsBase;
    this.rightsInheriting = rightsInheriting;
    this.flags = flags;
  }

  get nonblocking(): boolean {
    return (this.flags & wasi.FDFLAGS_NONBLOCK) !== 0;
  }

  require(right: bigint): void {
    if ((this.rightsBase & right) !== right) throw errno(wasi.ERRNO_NOTCAPABLE);
  }

  abstract stat(): NodeStat;

  /** Reads at the current position; 0 is the end. */
  read(_into: Uint8Array, _start: number, _length: number): number {
    throw errno(wasi.ERRNO_BADF);
  }

  write(_from: Uint8Array, _start: number, _length: number): number {
    throw errno(wasi.ERRNO_BADF);
  }

  readAt(_position: number, _into: Uint8Array, _start: number, _length: number): number {
    throw errno(wasi.ERRNO_SPIPE);
  }

  writeAt(_position: number, _from: Uint8Array, _start: number, _length: number): number {
    throw errno(wasi.ERRNO_SPIPE);
  }

  seek(_offset: number, _whence: number): number {
    throw errno(wasi.ERRNO_SPIPE);
  }

  tell(): number {
    throw errno(wasi.ERRNO_SPIPE);
  }

  setSize(_size: number): void {
    throw errno(wasi.ERRNO_INVAL);
  }

  allocate(_size: number): void {
    throw errno(wasi.ERRNO_SPIPE);
  }

  advise(): void {
    throw errno(wasi.ERRNO_SPIPE);
  }

  setTimes(_atime: Timestamp | undefined, _mtime: Timestamp | undefined): void {
    throw errno(wasi.ERRNO_INVAL);
  }

  sync(): void {
    throw errno(wasi.ERRNO_INVAL);
  }

  close(): void {}

  /** Ready to read, or what to wait for. */
  pollRead(): Readiness | Waitable {
    throw errno(wasi.ERRNO_BADF);
  }

  pollWrite(): Readiness | Waitable {
    throw errno(wasi.ERRNO_BADF);
  }
}

export function isReady(state: Readiness | Waitable): state is Readiness {
  return 'bytes' in state;
}
