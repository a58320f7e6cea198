import type { Clock } from './clock.ts';
import type { DescriptorTable } from './fd/table.ts';
import type { Namespace } from './fs/namespace.ts';
import type { GuestMemory } from './memory.ts';
import type { RandomSource } from './random.ts';

/** What the calls work on: the parts of one running program. */
export interface Process {
  readonly args: readonly Uint8Array[];
  readonly env: readonly Uint8Array[];
  readonly memory: GuestMemory;
  readonly table: DescriptorTable;
  readonly namespace: Namespace;
  /** Its resolution; the time itself comes from `times`. */
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly times: ProcessTimes;
}

/** The clocks as the program sees them: they go on where a saved state stopped. All milliseconds. */
export interface ProcessTimes {
  realtime(): number;
  monotonic(): number;
  /** Time spent in the guest and its calls, without waiting. */
  cpu(): number;
  /** When the relative timeouts of the pending poll began (monotonic); undefined while no poll is pending. */
  pollStarted: number | undefined;
}

/** One function of `wasi_snapshot_preview1`: what it returns is not looked at. Failing means throwing `Errno`. */
export type Call = (...args: never[]) => unknown;
export type Calls = Readonly<Record<string, Call>>;
