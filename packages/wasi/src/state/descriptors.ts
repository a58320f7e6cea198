import { WasiError } from '../error.ts';
import type { Descriptor } from '../fd/descriptor.ts';
import { DirectoryDescriptor } from '../fd/directory.ts';
import { FileDescriptor } from '../fd/file.ts';
import { FD_READ, FD_WRITE } from '../fd/rights.ts';
import type { DescriptorTable } from '../fd/table.ts';
import { MemoryDirectory } from '../fs/memory-directory.ts';
import { MemoryInode } from '../fs/memory-node.ts';
import type { MemoryTree } from '../fs/memory-tree.ts';
import type { Mount } from '../fs/namespace.ts';
import type { DirectoryNode, FileNode, FsNode } from '../fs/node.ts';
import type { DescriptorState, NodeReference } from './state.ts';
import { nodesByIno } from './tree.ts';

/** The descriptors that a host starts with, by the kind that a saved state calls them. */
export interface FirstDescriptors {
  readonly stdin: Descriptor;
  readonly stdout: Descriptor;
  readonly stderr: Descriptor;
  readonly sockets: readonly Descriptor[];
}

/** A file system that can find its nodes again by their path (host directories). */
interface PathedFileSystem {
  pathOf(node: FsNode): string;
  nodeAt(path: string): FsNode;
}

export function saveDescriptors(
  table: DescriptorTable,
  first: FirstDescriptors,
  mounts: readonly Mount[],
): DescriptorState[] {
  return [...table].map(([fd, descriptor]): DescriptorState => {
    const { flags, rightsBase, rightsInheriting } = descriptor;
    const base = { fd, flags, rightsBase, rightsInheriting };
    if (descriptor instanceof FileDescriptor) {
      return { ...base, kind: 'file', node: reference(descriptor.node, mounts), position: descriptor.position };
    }
    if (descriptor instanceof DirectoryDescriptor) {
      const node = reference(descriptor.place.node, mounts, descriptor.place.mount);
      return { ...base, kind: 'directory', node, preopen: descriptor.preopenPath };
    }
    for (const kind of ['stdin', 'stdout', 'stderr'] as const) if (first[kind] === descriptor) return { ...base, kind };
    const socket = first.sockets.indexOf(descriptor);
    return { ...base, kind: 'socket', socket: socket === -1 ? undefined : socket };
  });
}

export function restoreDescriptors(
  table: DescriptorTable,
  states: readonly DescriptorState[],
  first: FirstDescriptors,
  mounts: readonly Mount[],
): void {
  const inodes = new Map<MemoryTree, ReturnType<typeof nodesByIno>>();
  const find = ({ mount: at, ino, path }: NodeReference): { node: FsNode; mount: Mount } => {
    const mount = mounts[at];
    if (!mount) throw new WasiError('bad-state', `the state uses mount ${at}, but there are ${mounts.length} mounts`);
    const { root } = mount;
    let node: FsNode | undefined;
    if (root instanceof MemoryInode) {
      let known = inodes.get(root.tree);
      if (!known) inodes.set(root.tree, (known = nodesByIno(root.tree)));
      node = ino === undefined ? MemoryDirectory.removed(root.tree) : known.get(ino);
    } else if (root.kind === 'directory' && path !== undefined) {
      node = (root.fileSystem as PathedFileSystem).nodeAt(path);
    } else if (root.kind === 'file') node = root;
    if (!node) throw new WasiError('bad-state', `the mount at ${mount.path} has no inode ${ino}`);
    return { node, mount };
  };
  table.clear();
  for (const state of states) {
    const descriptor = make(state, find, first);
    descriptor.flags = state.flags;
    descriptor.rightsBase = state.rightsBase;
    descriptor.rightsInheriting = state.rightsInheriting;
    table.set(state.fd, descriptor);
  }
}

function make(
  state: DescriptorState,
  find: (reference: NodeReference) => { node: FsNode; mount: Mount },
  first: FirstDescriptors,
): Descriptor {
  const { rightsBase, rightsInheriting, flags } = state;
  switch (state.kind) {
    case 'stdin':
    case 'stdout':
    case 'stderr':
      return first[state.kind];
    case 'file': {
      const { node } = find(state.node);
      if (node.kind !== 'file') throw new WasiError('bad-state', `descriptor ${state.fd} is no file in this tree`);
      const access = { read: (rightsBase & FD_READ) !== 0n, write: (rightsBase & FD_WRITE) !== 0n };
      const descriptor = new FileDescriptor(node, node.open(access), rightsBase, rightsInheriting, flags);
      descriptor.position = state.position;
      return descriptor;
    }
    case 'directory': {
      const { node, mount } = find(state.node);
      if (node.kind !== 'directory') throw new WasiError('bad-state', `descriptor ${state.fd} is no directory here`);
      return new DirectoryDescriptor({ node, mount }, rightsBase, rightsInheriting, flags, state.preopen);
    }
    case 'socket': {
      const socket = state.socket === undefined ? undefined : first.sockets[state.socket];
      if (!socket) throw new WasiError('bad-state', `descriptor ${state.fd} is a connection, which cannot move`);
      return socket;
    }
  }
}

function reference(node: FileNode | DirectoryNode, mounts: readonly Mount[], through?: Mount): NodeReference {
  if (node instanceof MemoryInode) {
    const mount = mounts.findIndex(
      ({ root }, i) => root instanceof MemoryInode && root.tree === node.tree && (!through || mounts[i] === through),
    );
    // A removed directory that is still open has nothing in it and never will.
    return { mount, ino: node.kind === 'directory' && node.nlink === 0 ? undefined : node.ino };
  }
  for (const [mount, { root }] of mounts.entries()) {
    if (root === node) return { mount, path: '' };
    if (root.kind !== 'directory' || (through && mounts[mount] !== through)) continue;
    const { pathOf } = root.fileSystem as Partial<PathedFileSystem>;
    const path = pathOf?.call(root.fileSystem, node);
    if (path !== undefined) return { mount, path };
  }
  throw new WasiError('bad-state', 'a descriptor is open in a file system that cannot be saved');
}
