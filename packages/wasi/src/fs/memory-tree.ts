import * as wasi from '../abi.ts';
import { platformClock } from '../clock.ts';
import { errno } from '../errno.ts';
import { MemoryDirectory } from './memory-directory.ts';
import { MemoryFile } from './memory-file.ts';
import type { MemoryNode } from './memory-node.ts';
import type { Source } from './source.ts';
import { bytesSource } from './source.ts';
import { Usage } from './usage.ts';

/** One entry of a read-only bundle, such as an unpacked image layer. Parent directories are made as needed. */
export type BundleEntry = {
  /** Relative to the tree's root, `/` between names. */
  readonly path: string;
  /** Milliseconds since the epoch; default 0. */
  readonly mtime?: number;
} & (
  | { readonly file: Uint8Array | Source }
  | { readonly directory: true }
  | { readonly symlink: string }
  /** A hard link to a file that came earlier in the bundle. */
  | { readonly link: string }
);

export interface MemoryTreeOptions {
  /** Read-only content underneath; its order decides inode numbers, so a saved state needs the same bundle again. */
  readonly bundle?: Iterable<BundleEntry>;
  /** Bytes that may be written on top of the bundle; beyond it calls fail with `nospc`. Default: no limit. */
  readonly sizeLimit?: number;
  /** Files, directories and links that may exist. Default 1,000,000 (and never less than the bundle has). */
  readonly inodeLimit?: number;
  /** Milliseconds since the epoch, for the times of nodes: the program's own real-time clock. */
  readonly now?: () => number;
}

const DEFAULT_INODE_LIMIT = 1_000_000;

/**
 * A file tree in memory, copy-on-write over a bundle. The guest sees it through a mount; the outside may change it at
 * any time through `outside.ts`. Every change is marked with the tree's generation, so that `state/` can save only
 * what differs from the bundle or from an earlier save.
 */
export class MemoryTree {
  readonly root: MemoryDirectory;
  readonly usage: Usage;
  /** Device number in file status; the host numbers its mounts. */
  dev = 1;
  readonly now: () => number;
  /** Nodes that differ from the bundle. */
  readonly changed: Set<MemoryNode> = new Set();
  generation = 1;
  #nextIno = 1;
  /** The bundle is being put in: nothing of it counts as a change. */
  loading = true;
  /** Nodes of the bundle by inode number, to find them again when a state is restored. */
  readonly bundled: MemoryNode[] = [];

  constructor({ bundle = [], sizeLimit, inodeLimit, now = platformClock().realtime }: MemoryTreeOptions = {}) {
    this.now = now;
    this.usage = new Usage(sizeLimit);
    this.root = new MemoryDirectory(this, undefined);
    for (const entry of bundle) this.#add(entry);
    this.loading = false;
    this.usage.inodeLimit = Math.max(inodeLimit ?? DEFAULT_INODE_LIMIT, this.usage.inodes);
  }

  get nextIno(): number {
    return this.#nextIno;
  }

  /** Counts the node and gives it its inode number; called by the node's constructor. */
  register(node: MemoryNode, ino?: number): number {
    if (this.usage.inodes >= this.usage.inodeLimit) throw errno(wasi.ERRNO_NOSPC);
    this.usage.inodes++;
    if (this.loading) this.bundled[this.#nextIno] = node;
    else this.changed.add(node);
    if (ino === undefined) return this.#nextIno++;
    this.#nextIno = Math.max(this.#nextIno, ino + 1);
    return ino;
  }

  /** Numbers below `next` have been given to nodes of a saved state, some of which are gone. */
  reserveIno(next: number): void {
    this.#nextIno = Math.max(this.#nextIno, next);
  }

  touch(node: MemoryNode): void {
    node.generation = this.generation;
    if (!this.loading) this.changed.add(node);
  }

  /** The last name and the last descriptor are gone. */
  release(node: MemoryNode): void {
    this.usage.inodes--;
    this.changed.delete(node);
  }

  #add(entry: BundleEntry): void {
    const names = entry.path.split('/').filter((name) => name !== '' && name !== '.');
    if (names.includes('..')) throw new RangeError(`bundle entry leaves the tree: ${JSON.stringify(entry.path)}`);
    const name = names.pop();
    const mtime = entry.mtime ?? 0;
    if (name === undefined) {
      this.root.setTimes(mtime, mtime);
      return;
    }
    let directory = this.root;
    for (const part of names) {
      const next = directory.lookup(part) ?? directory.createDirectory(part);
      if (next.kind !== 'directory') throw new RangeError(`bundle entry ${entry.path}: ${part} is not a directory`);
      directory = next;
    }
    const existing = directory.lookup(name);
    if ('directory' in entry) {
      const made = existing ?? directory.createDirectory(name);
      if (made.kind !== 'directory') throw new RangeError(`bundle entry ${entry.path} is there twice`);
      made.setTimes(mtime, mtime);
      return;
    }
    if (existing) throw new RangeError(`bundle entry ${entry.path} is there twice`);
    if ('symlink' in entry) directory.createSymlink(name, entry.symlink);
    else if ('link' in entry) {
      const target = this.find(entry.link);
      if (target?.kind !== 'file') throw new RangeError(`bundle entry ${entry.path}: no file ${entry.link} to link to`);
      directory.link(name, target);
    } else {
      const source = entry.file instanceof Uint8Array ? bytesSource(entry.file) : entry.file;
      directory.adopt(name, new MemoryFile(this, source));
    }
    directory.lookup(name)!.setTimes(mtime, mtime);
  }

  /** The node at a path, without following symbolic links. */
  find(path: string): MemoryNode | undefined {
    let node: MemoryNode | undefined = this.root;
    for (const name of path.split('/')) {
      if (name === '' || name === '.') continue;
      if (node?.kind !== 'directory') return undefined;
      node = node.lookup(name);
    }
    return node;
  }
}
