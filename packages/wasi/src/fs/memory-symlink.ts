import * as wasi from '../abi.ts';
import { encodeText } from '../memory.ts';
import { MemoryInode } from './memory-node.ts';
import type { MemoryTree } from './memory-tree.ts';
import type { SymlinkNode } from './node.ts';

export class MemorySymlink extends MemoryInode implements SymlinkNode {
  readonly kind = 'symlink';
  readonly filetype: number = wasi.FILETYPE_SYMBOLIC_LINK;
  readonly target: string;

  constructor(tree: MemoryTree, target: string, ino?: number) {
    super(tree, ino);
    this.target = target;
  }

  size(): number {
    return encodeText(this.target).length;
  }

  releaseIfUnused(): void {
    if (this.nlink === 0) this.tree.release(this);
  }
}
