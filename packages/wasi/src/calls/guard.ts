import * as wasi from '../abi.ts';
import type { Blocking } from '../blocking/blocking.ts';
import { privateDoorbell, sleep } from '../blocking/blocking.ts';
import { promiseIntegration } from '../blocking/choose.ts';
import { Errno } from '../errno.ts';
import type { GuestMemory } from '../memory.ts';
import { Pending } from '../pending.ts';
import type { Call, Calls } from '../process.ts';

export interface GuardOptions {
  readonly memory: GuestMemory;
  readonly blocking: Blocking;
  /** Monotonic milliseconds, the clock of `Pending.deadline`. */
  readonly now: () => number;
  /** Called before a wait; output that was held back goes out. */
  readonly beforeWait: () => void;
  /** Gets the milliseconds that a wait took. */
  readonly waited: (milliseconds: number) => void;
  /** A call that would have to wait for ever has been given up: it will not be made again. */
  readonly gaveUp: () => void;
  /** Names of calls that may wait. */
  readonly waiting: ReadonlySet<string>;
}

type Raw = (...args: unknown[]) => void;
type Import = (...args: never[]) => unknown;

/** A sleep is cut into slices, so that a terminated worker is not held for long (Chromium: up to 2 s). */
const SLICE_MS = 1000;

/** Makes imports of calls: exceptions become results, and a call that cannot complete waits in the way chosen. */
export function guardCalls(calls: Calls, options: GuardOptions): Record<string, Import> {
  const imports: Record<string, Import> = {};
  for (const [name, call] of Object.entries(calls)) {
    imports[name] = options.waiting.has(name) ? waitingImport(call, options) : plainImport(call, options.memory);
  }
  return imports;
}

/**
 * The call with its exceptions turned into results. One closure for each number of parameters: collecting and spreading
 * them costs as much again as a small call itself.
 */
function plainImport(call: Call, memory: GuestMemory): Import {
  const run = call as Raw;
  const guarded = (attempt: () => void): number => {
    memory.refresh();
    try {
      attempt();
      return wasi.ERRNO_SUCCESS;
    } catch (error) {
      return result(error);
    }
  };
  switch (call.length) {
    case 2:
      return (a: unknown, b: unknown) => {
        memory.refresh();
        try {
          run(a, b);
          return wasi.ERRNO_SUCCESS;
        } catch (error) {
          return result(error);
        }
      };
    case 3:
      return (a: unknown, b: unknown, c: unknown) => {
        memory.refresh();
        try {
          run(a, b, c);
          return wasi.ERRNO_SUCCESS;
        } catch (error) {
          return result(error);
        }
      };
    case 4:
      return (a: unknown, b: unknown, c: unknown, d: unknown) => {
        memory.refresh();
        try {
          run(a, b, c, d);
          return wasi.ERRNO_SUCCESS;
        } catch (error) {
          return result(error);
        }
      };
    default:
      return (...args: unknown[]) => guarded(() => run(...args));
  }
}

/** The number for an error that a program can be told about; everything else passes. */
function result(error: unknown): number {
  if (error instanceof Errno) return error.errno;
  throw error;
}

function waitingImport(call: Call, options: GuardOptions): Import {
  const { memory, blocking, now, beforeWait, waited, gaveUp } = options;
  const run = call as Raw;
  const attempt = (args: unknown[]): number | Pending => {
    memory.refresh();
    try {
      run(...args);
      return wasi.ERRNO_SUCCESS;
    } catch (error) {
      if (!(error instanceof Pending)) return result(error);
      beforeWait();
      return error;
    }
  };

  switch (blocking.kind) {
    case 'promise': {
      const { Suspending } = promiseIntegration();
      return new Suspending(async (...args: unknown[]): Promise<number> => {
        for (;;) {
          const outcome = attempt(args);
          if (typeof outcome === 'number') return outcome;
          const began = now();
          await outcome.ready(now);
          waited(now() - began);
        }
      }) as unknown as Import;
    }
    case 'suspend':
      return (...args: unknown[]): number => {
        const outcome = attempt(args);
        return typeof outcome === 'number' ? outcome : blocking.suspender.suspendUntil(outcome.ready(now));
      };
    case 'shared':
    case 'sleep': {
      let bell: Int32Array | undefined = blocking.kind === 'shared' ? blocking.doorbell : undefined;
      return (...args: unknown[]): number => {
        for (;;) {
          // Before the attempt: a ring between it and the sleep must not be missed.
          const seen = bell ? Atomics.load(bell, 0) : 0;
          const outcome = attempt(args);
          if (typeof outcome === 'number') return outcome;
          if (blocking.kind === 'sleep') {
            if (outcome.deadline === undefined) {
              gaveUp();
              return wasi.ERRNO_NOTSUP;
            }
            bell ??= privateDoorbell();
          }
          const began = now();
          sleep(bell!, seen, outcome, now, SLICE_MS);
          waited(now() - began);
        }
      };
    }
  }
}
