import type { Timestamp } from '../fs/node.ts';

/** Everything of a program that is not in its module: what a checkpoint keeps beside memory and stack. */
export interface WasiState {
  readonly descriptors: readonly DescriptorState[];
  /** One per in-memory tree among the mounts, in the order of their first mount. */
  readonly trees: readonly TreeState[];
  /** Milliseconds, as the program saw them when the state was saved. */
  readonly clock: { readonly realtime: number; readonly monotonic: number; readonly cpu: number };
  /** Bytes that went through the standard streams since the beginning. */
  readonly streams: { readonly stdin: number; readonly stdout: number; readonly stderr: number };
  /** A poll was waiting: when its relative timeouts began, in the program's monotonic milliseconds. */
  readonly pollStarted?: number | undefined;
  /** What the random source gave at `save`, if it has a state. */
  readonly random?: string | undefined;
}

export type DescriptorState = {
  readonly fd: number;
  readonly flags: number;
  readonly rightsBase: bigint;
  readonly rightsInheriting: bigint;
} & (
  | { readonly kind: 'stdin' | 'stdout' | 'stderr' }
  | { readonly kind: 'file'; readonly node: NodeReference; readonly position: number }
  | { readonly kind: 'directory'; readonly node: NodeReference; readonly preopen?: string | undefined }
  /** The n-th pre-opened socket; without a number an accepted connection, which does not survive. */
  | { readonly kind: 'socket'; readonly socket?: number | undefined }
);

/** A node by its mount and its inode number, or by its path in a file system that has its own (a host directory). */
export interface NodeReference {
  readonly mount: number;
  readonly ino?: number | undefined;
  readonly path?: string | undefined;
}

/** What differs in a tree from its bundle or, with `since`, from the state saved at that generation. */
export interface TreeState {
  readonly generation: number;
  readonly since: number;
  readonly nextIno: number;
  readonly nodes: readonly NodeState[];
}

export type NodeState = {
  readonly ino: number;
  readonly nlink: number;
  readonly atime: Timestamp;
  readonly mtime: Timestamp;
  readonly ctime: Timestamp;
} & (
  | {
      readonly kind: 'file';
      readonly size: number;
      readonly sourceSize: number;
      /** The chunks are all there are; else those not listed are as in the state before. */
      readonly whole: boolean;
      readonly chunks: readonly (readonly [index: number, bytes: Uint8Array])[];
    }
  | {
      readonly kind: 'directory';
      readonly nextCookie: number;
      readonly entries: readonly (readonly [name: string, ino: number, cookie: number])[];
    }
  | { readonly kind: 'symlink'; readonly target: string }
);
