import * as wasi from '../abi.ts';
import { errno } from '../errno.ts';
import type { NodeStat, Timestamp } from '../fs/node.ts';
import { type GuestMemory, writeTimestamp, writeU64 } from '../memory.ts';

function writeTime(view: DataView, at: number, time: Timestamp): void {
  if (typeof time === 'bigint') view.setBigUint64(at, time, true);
  else writeTimestamp(view, at, time);
}

function writeNumber(view: DataView, at: number, value: number | bigint): void {
  if (typeof value === 'bigint') view.setBigUint64(at, value, true);
  else writeU64(view, at, value);
}

/** Writes a witx `filestat`: 64 bytes. */
export function writeStat(memory: GuestMemory, pointer: number, stat: NodeStat): void {
  const at = memory.check(pointer, 64);
  const { view } = memory;
  writeNumber(view, at, stat.dev);
  writeNumber(view, at + 8, stat.ino);
  writeU64(view, at + 16, stat.filetype);
  writeU64(view, at + 24, stat.nlink);
  writeU64(view, at + 32, stat.size);
  writeTime(view, at + 40, stat.atime);
  writeTime(view, at + 48, stat.mtime);
  writeTime(view, at + 56, stat.ctime);
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
