import * as wasi from '../abi.ts';
import { toMilliseconds } from '../clock.ts';
import { Errno, errno } from '../errno.ts';
import type { Readiness } from '../fd/descriptor.ts';
import { isReady } from '../fd/descriptor.ts';
import { POLL_FD_READWRITE } from '../fd/rights.ts';
import type { Waitable } from '../pending.ts';
import { Pending } from '../pending.ts';
import type { Calls, Process } from '../process.ts';

const SUBSCRIPTION_BYTES = 48;
const EVENT_BYTES = 32;

interface Event {
  readonly userdata: bigint;
  readonly type: number;
  readonly errno: number;
  readonly readiness?: Readiness;
}

/** Waits for clocks and descriptors. Without a subscription that is ready it throws `Pending`; it never spins. */
export function pollCall({ memory, table, times }: Process): Calls {
  const descriptorState = (fd: number, type: number): Readiness | Waitable => {
    const descriptor = table.get(fd);
    const state = type === wasi.EVENTTYPE_FD_READ ? descriptor.pollRead() : descriptor.pollWrite();
    descriptor.require(POLL_FD_READWRITE);
    return state;
  };

  return {
    poll_oneoff(subscriptions: number, events: number, count: number, stored: number) {
      const total = count >>> 0;
      if (total === 0) throw errno(wasi.ERRNO_INVAL);
      const first = memory.check(subscriptions, total * SUBSCRIPTION_BYTES);
      const out = memory.check(events, total * EVENT_BYTES);
      memory.check(stored, 4);
      const { view } = memory;
      const now = times.monotonic();
      // A call that is made again counts its relative timeouts from when it was first made.
      const started = times.pollStarted ?? now;
      const ready: Event[] = [];
      const sources: Waitable[] = [];
      let deadline: number | undefined;

      for (let i = 0; i < total; i++) {
        const at = first + i * SUBSCRIPTION_BYTES;
        const userdata = view.getBigUint64(at, true);
        const type = view.getUint8(at + 8);
        if (type === wasi.EVENTTYPE_CLOCK) {
          const clock = view.getUint32(at + 16, true);
          const timeout = toMilliseconds(view.getBigUint64(at + 24, true));
          const flags = view.getUint16(at + 40, true);
          const wakeAt = wakeTime(clock, timeout, flags, started);
          if (wakeAt === undefined) ready.push({ userdata, type, errno: wasi.ERRNO_INVAL });
          else if (wakeAt <= now) ready.push({ userdata, type, errno: wasi.ERRNO_SUCCESS });
          else deadline = Math.min(deadline ?? wakeAt, wakeAt);
        } else if (type === wasi.EVENTTYPE_FD_READ || type === wasi.EVENTTYPE_FD_WRITE) {
          try {
            const state = descriptorState(view.getUint32(at + 16, true), type);
            if (isReady(state)) ready.push({ userdata, type, errno: wasi.ERRNO_SUCCESS, readiness: state });
            else sources.push(state);
          } catch (error) {
            if (!(error instanceof Errno)) throw error;
            ready.push({ userdata, type, errno: error.errno });
          }
        } else throw errno(wasi.ERRNO_INVAL);
      }
      if (ready.length === 0) {
        times.pollStarted = started;
        throw new Pending(sources, deadline);
      }
      times.pollStarted = undefined;
      for (const [i, event] of ready.entries()) {
        const at = out + i * EVENT_BYTES;
        memory.u8.fill(0, at, at + EVENT_BYTES);
        view.setBigUint64(at, event.userdata, true);
        view.setUint16(at + 8, event.errno, true);
        view.setUint8(at + 10, event.type);
        if (!event.readiness) continue;
        view.setBigUint64(at + 16, BigInt(event.readiness.bytes), true);
        view.setUint16(at + 24, event.readiness.hangup ? wasi.EVENTRWFLAGS_FD_READWRITE_HANGUP : 0, true);
      }
      memory.setU32(stored, ready.length);
    },
  };

  /** When a clock subscription is due, in monotonic milliseconds; undefined for a clock that cannot be waited for. */
  function wakeTime(clock: number, timeout: number, flags: number, started: number): number | undefined {
    if (clock !== wasi.CLOCKID_REALTIME && clock !== wasi.CLOCKID_MONOTONIC) return undefined;
    if ((flags & wasi.SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME) === 0) return started + timeout;
    if (clock === wasi.CLOCKID_MONOTONIC) return timeout;
    return times.monotonic() + (timeout - times.realtime());
  }
}
