import type { Waitable } from '../pending.ts';

/** Bytes that come from outside: stdin, or what a socket receives. */
export interface InputStream extends Waitable {
  /** Bytes moved; 0: nothing there now, unless `ended`. */
  read(into: Uint8Array, start: number, length: number): number;
  /** Bytes that can be read now. */
  readonly available: number;
  /** Nothing is left and nothing will come. */
  readonly ended: boolean;
  /** Looks at the next bytes without taking them; only sockets need it (`RECV_PEEK`). */
  peek?(into: Uint8Array, start: number, length: number): number;
  /** The other side need not send any more. */
  stop?(): void;
}

/** Bytes that go outside: stdout, stderr, or what a socket sends. */
export interface OutputStream extends Waitable {
  /** Bytes taken, copied; fewer than `length` (or 0) where the consumer is behind. `ready` tells when it goes on. */
  write(from: Uint8Array, start: number, length: number): number;
  /** Bytes that would be taken now. */
  readonly room: number;
  /** The consumer is gone: writing fails with `pipe`. */
  readonly closed: boolean;
  /** Passes on what is held back; called before the guest waits and when it ends. */
  flush?(): unknown;
  /** Nothing more will be written. */
  end?(): void;
}
