import * as wasi from '../abi.ts';
import { errno } from '../errno.ts';
import { MemoryFile } from './memory-file.ts';
import type { MemoryNode } from './memory-node.ts';
import { MemoryInode } from './memory-node.ts';
import { MemorySymlink } from './memory-symlink.ts';
import type { MemoryTree } from './memory-tree.ts';
import type { DirectoryEntry, DirectoryListing, DirectoryNode, FsNode } from './node.ts';
import { FIRST_COOKIE } from './node.ts';

interface Entry {
  readonly name: string;
  /** Given once and never again in this directory, so a listing survives whatever comes and goes. */
  readonly cookie: number;
  /** Undefined once the name is gone. */
  node: MemoryNode | undefined;
}

/** A directory in memory: names for lookup, and the same entries in order of their cookies for listing. */
export class MemoryDirectory extends MemoryInode implements DirectoryNode, DirectoryListing {
  readonly kind = 'directory';
  readonly filetype: number = wasi.FILETYPE_DIRECTORY;
  /** Undefined for the root and for a removed directory that is still open. */
  parent: MemoryDirectory | undefined;
  #names = new Map<string, Entry>();
  #order: Entry[] = [];
  nextCookie: number = FIRST_COOKIE;

  constructor(tree: MemoryTree, parent: MemoryDirectory | undefined, ino?: number) {
    super(tree, ino);
    this.parent = parent;
    // Its name and its own `.`; each child directory adds one more by its `..`.
    this.nlink = 2;
  }

  /** A directory without a name that takes no new ones, as one that was removed while it was open. */
  static removed(tree: MemoryTree): MemoryDirectory {
    const directory = new MemoryDirectory(tree, undefined);
    directory.nlink = 0;
    tree.release(directory);
    return directory;
  }

  get fileSystem(): MemoryTree {
    return this.tree;
  }

  size(): number {
    return this.#names.size;
  }

  parentIno(): number {
    return (this.parent ?? this).ino;
  }

  lookup(name: string): MemoryNode | undefined {
    return this.#names.get(name)?.node;
  }

  list(): DirectoryListing {
    return this;
  }

  *from(cookie: number): Iterable<DirectoryEntry> {
    for (let at = this.#after(cookie); at < this.#order.length; at++) {
      const { name, node, cookie: own } = this.#order[at]!;
      if (node) yield { name, ino: node.ino, filetype: node.filetype, cookie: own + 1 };
    }
  }

  /** All entries with their cookies, for a saved state. */
  *entries(): Iterable<readonly [name: string, ino: number, cookie: number]> {
    for (const { name, node, cookie } of this.#order) if (node) yield [name, node.ino, cookie];
  }

  createFile(name: string): MemoryFile {
    this.#mustExist();
    return this.adopt(name, new MemoryFile(this.tree));
  }

  createDirectory(name: string): MemoryDirectory {
    this.#mustExist();
    return this.adopt(name, new MemoryDirectory(this.tree, this));
  }

  createSymlink(name: string, target: string): void {
    this.#mustExist();
    this.adopt(name, new MemorySymlink(this.tree, target));
  }

  link(name: string, node: FsNode): void {
    this.#mustExist();
    if (node.kind === 'directory') throw errno(wasi.ERRNO_PERM);
    if (!(node instanceof MemoryInode) || node.tree !== this.tree) throw errno(wasi.ERRNO_XDEV);
    this.adopt(name, node as MemoryNode);
  }

  unlink(name: string): void {
    const node = this.#require(name);
    if (node.kind === 'directory') throw errno(wasi.ERRNO_ISDIR);
    this.#remove(name);
    this.#unlinked(node);
  }

  removeDirectory(name: string): void {
    const node = this.#require(name);
    if (node.kind !== 'directory') throw errno(wasi.ERRNO_NOTDIR);
    if (node.size() > 0) throw errno(wasi.ERRNO_NOTEMPTY);
    this.#remove(name);
    this.#unlinked(node);
  }

  rename(name: string, to: DirectoryNode, newName: string): void {
    const node = this.#require(name);
    if (!(to instanceof MemoryDirectory)) throw errno(wasi.ERRNO_XDEV);
    to.#mustExist();
    const old = to.lookup(newName);
    if (old === node) return;
    // In the order of Linux, which asks about ancestors before it asks about kinds.
    if (to.#isInside(node)) throw errno(wasi.ERRNO_INVAL);
    if (old && this.#isInside(old)) throw errno(wasi.ERRNO_NOTEMPTY);
    if (old?.kind === 'directory') {
      if (node.kind !== 'directory') throw errno(wasi.ERRNO_ISDIR);
      if (old.size() > 0) throw errno(wasi.ERRNO_NOTEMPTY);
    } else if (old && node.kind === 'directory') throw errno(wasi.ERRNO_NOTDIR);
    this.#remove(name);
    if (old) {
      // The entry keeps its cookie: a listing that has passed the old name does not see the new one again.
      to.#names.get(newName)!.node = node;
      to.changed(true);
      if (old.kind === 'directory') to.nlink--;
      this.#unlinked(old, false);
    } else to.#insert(newName, node);
    if (node.kind === 'directory') {
      this.nlink--;
      to.nlink++;
      node.parent = to;
    }
    node.changed();
  }

  /** Enters a node under a name that must be free, and counts the link. */
  adopt<Node extends MemoryNode>(name: string, node: Node): Node {
    this.#insert(name, node);
    if (node.kind === 'directory') this.nlink++;
    else {
      node.nlink++;
      if (node.nlink > 1) node.changed();
    }
    return node;
  }

  /** Replaces the listing by a saved one. Links are counted by whoever restores. */
  restore(entries: Iterable<readonly [name: string, node: MemoryNode, cookie: number]>, nextCookie: number): void {
    this.#names = new Map();
    this.#order = [];
    for (const [name, node, cookie] of entries) {
      const entry = { name, node, cookie };
      this.#names.set(name, entry);
      this.#order.push(entry);
      if (node.kind === 'directory') node.parent = this;
    }
    this.nextCookie = nextCookie;
  }

  #insert(name: string, node: MemoryNode): void {
    const entry = { name, node, cookie: this.nextCookie++ };
    this.#names.set(name, entry);
    this.#order.push(entry);
    this.changed(true);
  }

  #remove(name: string): void {
    const entry = this.#names.get(name)!;
    this.#names.delete(name);
    entry.node = undefined;
    if (this.#order.length > 32 && this.#order.length > 2 * this.#names.size) {
      this.#order = this.#order.filter(({ node }) => node !== undefined);
    }
    this.changed(true);
  }

  #unlinked(node: MemoryNode, countParent = true): void {
    if (node.kind === 'directory') {
      node.nlink = 0;
      node.parent = undefined;
      if (countParent) this.nlink--;
      this.tree.release(node);
      return;
    }
    node.nlink--;
    node.changed();
    node.releaseIfUnused();
  }

  #require(name: string): MemoryNode {
    const node = this.lookup(name);
    if (!node) throw errno(wasi.ERRNO_NOENT);
    return node;
  }

  /** A removed directory that is still open takes no new names. */
  #mustExist(): void {
    if (this.nlink === 0) throw errno(wasi.ERRNO_NOENT);
  }

  #isInside(node: MemoryNode): boolean {
    for (let at: MemoryDirectory | undefined = this; at; at = at.parent) if (at === node) return true;
    return false;
  }

  #after(cookie: number): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#order[middle]!.cookie < cookie) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
