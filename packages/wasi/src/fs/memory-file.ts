import * as wasi from '../abi.ts';
import { errno } from '../errno.ts';
import { FileContent } from './content.ts';
import { MemoryInode } from './memory-node.ts';
import type { MemoryTree } from './memory-tree.ts';
import type { FileHandle, FileNode } from './node.ts';
import type { Source } from './source.ts';

/** A file in memory; it is its own handle, because reading and writing need no state of their own. */
export class MemoryFile extends MemoryInode implements FileNode, FileHandle {
  readonly kind = 'file';
  readonly filetype: number = wasi.FILETYPE_REGULAR_FILE;
  readonly content: FileContent;
  /** Open descriptors: an unlinked file lives until the last of them is closed. */
  opens = 0;

  constructor(tree: MemoryTree, source?: Source, ino?: number) {
    super(tree, ino);
    this.content = new FileContent(tree.usage, source);
    if (!tree.loading) this.content.bornGeneration = tree.generation;
  }

  open(): FileHandle {
    this.opens++;
    return this;
  }

  close(): void {
    this.opens--;
    this.releaseIfUnused();
  }

  releaseIfUnused(): void {
    if (this.nlink > 0 || this.opens > 0) return;
    this.content.free();
    this.tree.release(this);
  }

  size(): number {
    return this.content.size;
  }

  // Reading does not move the access time (a `noatime` mount): it would make every read a change to be saved.
  read(position: number, into: Uint8Array, start: number, length: number): number {
    return this.content.read(position, into, start, length);
  }

  write(position: number, from: Uint8Array, start: number, length: number): number {
    const written = this.content.write(position, from, start, length, this.tree.generation);
    if (written > 0) this.changed(true);
    return written;
  }

  truncate(size: number): void {
    if (size > Number.MAX_SAFE_INTEGER) throw errno(wasi.ERRNO_FBIG);
    this.content.truncate(size, this.tree.generation);
    this.changed(true);
  }

  allocate(size: number): void {
    if (size > Number.MAX_SAFE_INTEGER) throw errno(wasi.ERRNO_FBIG);
    if (size <= this.content.size) return;
    const { usage } = this.tree;
    if (size - this.content.size > usage.sizeLimit - usage.bytes) throw errno(wasi.ERRNO_NOSPC);
    this.truncate(size);
  }

  sync(): void {}
}
