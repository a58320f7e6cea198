// What coordinator and guest worker say to each other. Plain data and a WebAssembly.Module: structured clone carries it.
import type { OutputStream } from '@wigeon/protocol';
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
}

export type GuestReport =
  /** The worker has its code and waits for a program. */
  | { readonly kind: 'ready' }
  /** Instantiated; the next thing is the program's own first instruction. */
  | { readonly kind: 'running' }
  | { readonly kind: 'output'; readonly stream: OutputStream; readonly bytes: Uint8Array<ArrayBuffer> }
  | GuestExit;

export interface GuestExit {
  readonly kind: 'exited';
  readonly cause: 'exit' | 'trap' | 'error';
  /** 0–255. */
  readonly exitCode: number;
  /** Names the trap or the reason it could not start. */
  readonly message?: string;
}
