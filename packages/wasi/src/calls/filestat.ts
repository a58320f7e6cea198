import * as wasi from '../abi.ts';
import { toNanoseconds } from '../clock.ts';
import { errno } from '../errno.ts';
import type { NodeStat, Timestamp } from '../fs/node.ts';
import type { GuestMemory } from '../memory.ts';

const nanoseconds = (time: Timestamp): bigint => (typeof time === 'bigint' ? time : toNanoseconds(time));

/** Writes a witx `filestat`: 64 bytes. */
export function writeStat(memory: GuestMemory, pointer: number, stat: NodeStat): void {
  const at = memory.check(pointer, 64);
  const { view } = memory;
  view.setBigUint64(at, stat.dev, true);
  view.setBigUint64(at + 8, stat.ino, true);
  view.setBigUint64(at + 16, BigInt(stat.filetype), true);
  view.setBigUint64(at + 24, BigInt(stat.nlink), true);
  view.setBigUint64(at + 32, BigInt(stat.size), true);
  view.setBigUint64(at + 40, nanoseconds(stat.atime), true);
  view.setBigUint64(at + 48, nanoseconds(stat.mtime), true);
  view.setBigUint64(at + 56, nanoseconds(stat.ctime), true);
}

/** The times that witx `fstflags` ask for; `inval` where they contradict each other. */
export function timesFromFlags(
  atime: bigint,
  mtime: bigint,
  flags: number,
  realtime: () => number,
): { atime: Timestamp | undefined; mtime: Timestamp | undefined } {
  const { FSTFLAGS_ATIM, FSTFLAGS_ATIM_NOW, FSTFLAGS_MTIM, FSTFLAGS_MTIM_NOW } = wasi;
  const bothSet = (a: number, b: number): boolean => (flags & a) !== 0 && (flags & b) !== 0;
  if (
    (flags & ~(FSTFLAGS_ATIM | FSTFLAGS_ATIM_NOW | FSTFLAGS_MTIM | FSTFLAGS_MTIM_NOW)) !== 0 ||
    bothSet(FSTFLAGS_ATIM, FSTFLAGS_ATIM_NOW) ||
    bothSet(FSTFLAGS_MTIM, FSTFLAGS_MTIM_NOW)
  ) {
    throw errno(wasi.ERRNO_INVAL);
  }
  const now = realtime();
  const pick = (time: bigint, exact: number, current: number): Timestamp | undefined =>
    (flags & exact) !== 0 ? BigInt.asUintN(64, time) : (flags & current) !== 0 ? now : undefined;
  return {
    atime: pick(atime, FSTFLAGS_ATIM, FSTFLAGS_ATIM_NOW),
    mtime: pick(mtime, FSTFLAGS_MTIM, FSTFLAGS_MTIM_NOW),
  };
}
