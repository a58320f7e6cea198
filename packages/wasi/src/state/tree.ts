import { WasiError } from '../error.ts';
import { MemoryDirectory } from '../fs/memory-directory.ts';
import { MemoryFile } from '../fs/memory-file.ts';
import type { MemoryNode } from '../fs/memory-node.ts';
import { MemorySymlink } from '../fs/memory-symlink.ts';
import type { MemoryTree } from '../fs/memory-tree.ts';
import type { NodeState, TreeState } from './state.ts';

/**
 * What changed in the tree since generation `since` (0: since the bundle). The bytes are copies. A later call with the
 * result's `generation` gives only what changed after this one.
 */
export function saveTree(tree: MemoryTree, since = 0): TreeState {
  const { generation } = tree;
  const nodes = [...tree.changed].filter((node) => node.generation > since).map((node) => saveNode(node, since));
  tree.generation++;
  return { generation, since, nextIno: tree.nextIno, nodes };
}

function saveNode(node: MemoryNode, since: number): NodeState {
  const { ino, nlink, atime, mtime, ctime } = node;
  const base = { ino, nlink, atime, mtime, ctime };
  switch (node.kind) {
    case 'file': {
      const { content } = node;
      const whole = since === 0 || content.cutGeneration > since || content.bornGeneration > since;
      const chunks = [...content.pieces(whole ? 0 : since, whole)];
      const sourceSize = content.madeOutside ? 0 : content.sourceSize;
      return { ...base, kind: 'file', size: content.size, sourceSize, whole, chunks };
    }
    case 'directory':
      return { ...base, kind: 'directory', nextCookie: node.nextCookie, entries: [...node.entries()] };
    case 'symlink':
      return { ...base, kind: 'symlink', target: node.target };
  }
}

/** Puts a saved state on top of what the tree has: its bundle, or the state before a delta. */
export function restoreTree(tree: MemoryTree, state: TreeState): void {
  const known = nodesByIno(tree);
  for (const saved of state.nodes) {
    if (!known.has(saved.ino)) known.set(saved.ino, create(tree, saved));
  }
  for (const saved of state.nodes) fill(known.get(saved.ino)!, saved, known);
  tree.reserveIno(state.nextIno);
  tree.generation = Math.max(tree.generation, state.generation + 1);
}

/** All nodes that the tree has, also those without a name. */
export function nodesByIno(tree: MemoryTree): Map<number, MemoryNode> {
  const nodes = new Map<number, MemoryNode>([[tree.root.ino, tree.root]]);
  for (const node of tree.bundled) if (node) nodes.set(node.ino, node);
  for (const node of tree.changed) nodes.set(node.ino, node);
  return nodes;
}

/** Lets go of what has neither a name nor a descriptor any more. To be called when the descriptors are back. */
export function releaseUnused(tree: MemoryTree): void {
  const reached = new Set<MemoryNode>();
  const walk: MemoryNode[] = [tree.root];
  for (let node = walk.pop(); node; node = walk.pop()) {
    if (reached.has(node)) continue;
    reached.add(node);
    if (node.kind === 'directory') for (const [name] of node.entries()) walk.push(node.lookup(name)!);
  }
  for (const node of nodesByIno(tree).values()) {
    if (reached.has(node) || (node.kind === 'file' && node.opens > 0)) continue;
    if (node.kind === 'file') node.content.free();
    tree.release(node);
  }
}

function create(tree: MemoryTree, { kind, ino, ...saved }: NodeState): MemoryNode {
  switch (kind) {
    case 'file':
      return new MemoryFile(tree, undefined, ino);
    case 'directory':
      return new MemoryDirectory(tree, undefined, ino);
    case 'symlink':
      return new MemorySymlink(tree, (saved as { target: string }).target, ino);
  }
}

function fill(node: MemoryNode, saved: NodeState, known: ReadonlyMap<number, MemoryNode>): void {
  if (node.kind !== saved.kind) throw new WasiError('bad-state', `inode ${saved.ino} is a ${node.kind} in this tree`);
  const { tree } = node;
  tree.touch(node);
  if (node.kind === 'file' && saved.kind === 'file') {
    const { content } = node;
    if (saved.whole) content.truncate(0, tree.generation);
    if (saved.sourceSize > (content.source?.size ?? 0)) {
      throw new WasiError('bad-state', `inode ${saved.ino} has less content in this tree than the state builds on`);
    }
    content.sourceSize = saved.sourceSize;
    content.bornGeneration = tree.generation;
    for (const [index, bytes] of saved.chunks) content.putChunk(index, bytes, tree.generation);
    content.size = saved.size;
  }
  if (node.kind === 'directory' && saved.kind === 'directory') {
    const entries = saved.entries.map(([name, ino, cookie]) => {
      const child = known.get(ino);
      if (!child) throw new WasiError('bad-state', `"${name}" has inode ${ino}, which neither state nor tree has`);
      return [name, child, cookie] as const;
    });
    node.restore(entries, saved.nextCookie);
  }
  node.nlink = saved.nlink;
  node.atime = saved.atime;
  node.mtime = saved.mtime;
  node.ctime = saved.ctime;
}
