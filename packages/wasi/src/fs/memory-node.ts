import type { MemoryDirectory } from './memory-directory.ts';
import type { MemoryFile } from './memory-file.ts';
import type { MemorySymlink } from './memory-symlink.ts';
import type { MemoryTree } from './memory-tree.ts';
import type { NodeStat, Timestamp } from './node.ts';

export type MemoryNode = MemoryFile | MemoryDirectory | MemorySymlink;

/** What files, directories and links of a memory tree have in common. */
export abstract class MemoryInode {
  readonly tree: MemoryTree;
  abstract readonly filetype: number;
  readonly ino: number;
  /** The tree's generation at the last change of anything but chunks of content. */
  generation: number;
  nlink = 0;
  atime: Timestamp;
  mtime: Timestamp;
  ctime: Timestamp;

  constructor(tree: MemoryTree, ino?: number) {
    this.tree = tree;
    this.ino = tree.register(this as unknown as MemoryNode, ino);
    this.generation = tree.generation;
    this.atime = this.mtime = this.ctime = tree.now();
  }

  abstract size(): number;

  stat(): NodeStat {
    const { ino, filetype, nlink, atime, mtime, ctime } = this;
    return { dev: this.tree.dev, ino, filetype, nlink, size: this.size(), atime, mtime, ctime };
  }

  setTimes(atime: Timestamp | undefined, mtime: Timestamp | undefined): void {
    if (atime !== undefined) this.atime = atime;
    if (mtime !== undefined) this.mtime = mtime;
    this.changed();
  }

  /** Marks the node for the next save; `modified` also moves its modification time. */
  changed(modified = false): void {
    const now = this.tree.now();
    this.ctime = now;
    if (modified) this.mtime = now;
    this.tree.touch(this as unknown as MemoryNode);
  }
}
