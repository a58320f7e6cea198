import { WASIProcExit } from '@bjorn3/browser_wasi_shim';
import * as wasi from '../abi.ts';
import { errno } from '../errno.ts';
import type { Calls, Process } from '../process.ts';

/** Signals that end nothing by default, and signals that would stop a process: there is nobody to continue it. */
const IGNORED = new Set([wasi.SIGNAL_NONE, wasi.SIGNAL_CHLD, wasi.SIGNAL_CONT, wasi.SIGNAL_URG, wasi.SIGNAL_WINCH]);
const STOPPING = new Set([wasi.SIGNAL_STOP, wasi.SIGNAL_TSTP, wasi.SIGNAL_TTIN, wasi.SIGNAL_TTOU]);

/** Arguments, environment, clocks, random numbers and the process itself. */
export function environmentCalls({ args, env, memory, clock, times, random }: Process): Calls {
  const sizes = (strings: readonly Uint8Array[], countPointer: number, bytesPointer: number): void => {
    memory.setU32(countPointer, strings.length);
    memory.setU32(
      bytesPointer,
      strings.reduce((sum, { length }) => sum + length, 0),
    );
  };
  const strings = (list: readonly Uint8Array[], pointers: number, buffer: number): void => {
    let pointer = pointers >>> 0;
    let at = buffer >>> 0;
    for (const bytes of list) {
      memory.setU32(pointer, at);
      memory.u8.set(bytes, memory.check(at, bytes.length));
      pointer += 4;
      at += bytes.length;
    }
  };
  return {
    args_sizes_get: (count: number, bytes: number) => sizes(args, count, bytes),
    args_get: (pointers: number, buffer: number) => strings(args, pointers, buffer),
    environ_sizes_get: (count: number, bytes: number) => sizes(env, count, bytes),
    environ_get: (pointers: number, buffer: number) => strings(env, pointers, buffer),
    clock_res_get(id: number, pointer: number) {
      const { realtime, monotonic } = clock.resolution;
      if (id < wasi.CLOCKID_REALTIME || id > wasi.CLOCKID_THREAD_CPUTIME_ID) throw errno(wasi.ERRNO_INVAL);
      memory.setTime(pointer, id === wasi.CLOCKID_REALTIME ? realtime : monotonic);
    },
    clock_time_get(id: number, _precision: bigint, pointer: number) {
      if (id === wasi.CLOCKID_REALTIME) memory.setTime(pointer, times.realtime());
      else if (id === wasi.CLOCKID_MONOTONIC) memory.setTime(pointer, times.monotonic());
      else if (id === wasi.CLOCKID_PROCESS_CPUTIME_ID || id === wasi.CLOCKID_THREAD_CPUTIME_ID) {
        memory.setTime(pointer, times.cpu());
      } else throw errno(wasi.ERRNO_INVAL);
    },
    random_get: (pointer: number, length: number) => random(memory.bytes(pointer, length)),
    sched_yield() {},
    proc_exit(code: number) {
      throw new WASIProcExit(code >>> 0);
    },
    proc_raise(signal: number) {
      if (signal < 0 || signal > wasi.SIGNAL_SYS) throw errno(wasi.ERRNO_INVAL);
      if (IGNORED.has(signal)) return;
      if (STOPPING.has(signal)) throw errno(wasi.ERRNO_NOTSUP);
      // What a shell reports. From SIGCHLD on, Linux numbers are one higher: it also has SIGSTKFLT.
      throw new WASIProcExit(128 + (signal > wasi.SIGNAL_TERM ? signal + 1 : signal));
    },
  };
}
