// What coordinator and guest worker say to each other. Plain data and a WebAssembly.Module: structured clone carries it.
import type { OutputStream, StreamOffsets } from '@wigeon/protocol';
import type { Flow } from './flow.ts';

/** Runs one program; sent once to each guest worker. */
export interface GuestStart {
  readonly module: WebAssembly.Module;
  readonly argv: readonly string[];
  /** `NAME=value` in order. */
  readonly env: readonly string[];
  /** Longest piece of output in one report, in bytes. */
  readonly pieceBytes: number;
  /** By what the guest is made to wait; absent where memory cannot be shared. */
  readonly flow?: Flow;
  /** The module is instrumented: run it in slices, so that it can be suspended between them. */
  readonly suspendable?: boolean;
  /** Go on from these snapshots, uncompressed: a full one and the deltas behind it. `sequence` is the last one's number. */
  readonly resume?: { readonly snapshots: readonly Uint8Array<ArrayBuffer>[]; readonly sequence: number };
}

/** To a guest that runs a suspendable program. */
export type GuestCommand =
  | {
      readonly kind: 'checkpoint';
      /** The program stays suspended. */
      readonly final: boolean;
      /** The last checkpoint is stored, so this one may be a delta to it. */
      readonly delta: boolean;
    }
  /** Leave the program where it is: the worker is about to be terminated, and a busy one dies late (browser.md, fact 7). */
  | { readonly kind: 'stop' };

export type GuestReport =
  /** The worker has its code and waits for a program. */
  | { readonly kind: 'ready' }
  /** Instantiated; the next thing is the program's own first instruction. */
  | { readonly kind: 'running' }
  | { readonly kind: 'output'; readonly stream: OutputStream; readonly bytes: Uint8Array<ArrayBuffer> }
  | GuestCheckpoint
  /** After `stop`: nothing runs here any more. */
  | { readonly kind: 'idle' }
  | GuestExit;

export interface GuestCheckpoint {
  readonly kind: 'checkpoint';
  readonly sequence: number;
  /** Number of the checkpoint it builds on; null for a full one. */
  readonly base: number | null;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Output of the program so far, all of it reported before this. */
  readonly streams: StreamOffsets;
  readonly memoryBytes: number;
  readonly final: boolean;
}

export interface GuestExit {
  readonly kind: 'exited';
  readonly cause: 'exit' | 'trap' | 'error';
  /** 0–255. */
  readonly exitCode: number;
  /** Names the trap or the reason it could not start. */
  readonly message?: string;
}
