import { WasiError } from '../error.ts';
import { MemoryDirectory } from './memory-directory.ts';
import type { Mount, Namespace, Place } from './namespace.ts';
import type { DirectoryNode, FsNode } from './node.ts';

export interface Preopen {
  readonly place: Place;
  readonly path: string;
}

/**
 * Puts the mounts into one name space: a mount below another one's path covers the node there, which is made where it is
 * missing. Returns the directories to pre-open, in the order given (a mount of a single file is only reached by path).
 */
export function mountAll(namespace: Namespace, mounts: readonly Mount[]): Preopen[] {
  const paths = new Set<string>();
  for (const { path } of mounts) {
    if (paths.has(path)) throw new WasiError('bad-option', `two mounts at ${path}`);
    paths.add(path);
  }
  for (const [i, { root }] of mounts.entries()) if (root instanceof MemoryDirectory) root.tree.dev = i + 1;
  // Outer mounts first, so that an inner one lands on what is visible there.
  const placed: Mount[] = [];
  for (const mount of [...mounts].sort((a, b) => depth(a.path) - depth(b.path))) {
    const outer = placed.filter(({ path, root }) => root.kind === 'directory' && isBelow(mount.path, path)).at(-1);
    if (outer) namespace.cover(mountPoint(namespace, outer, mount), mount);
    else if (mount.root.kind === 'file') {
      throw new WasiError('bad-option', `the file mounted at ${mount.path} has no directory around it`);
    }
    placed.push(mount);
  }
  return mounts.flatMap((mount) =>
    mount.root.kind === 'directory' ? [{ place: { node: mount.root, mount }, path: mount.path }] : [],
  );
}

const names = (path: string): string[] => path.split('/').filter((name) => name !== '' && name !== '.');
const depth = (path: string): number => names(path).length;

function isBelow(path: string, outer: string): boolean {
  if (path.startsWith('/') !== outer.startsWith('/')) return false;
  const inner = names(path);
  return names(outer).every((name, i) => inner[i] === name);
}

/** The node that the mount hides; directories on the way, and the node itself, are made where the tree is in memory. */
function mountPoint(namespace: Namespace, outer: Mount, mount: Mount): FsNode {
  const rest = names(mount.path).slice(depth(outer.path));
  let node: FsNode = outer.root;
  for (const [i, name] of rest.entries()) {
    const last = i === rest.length - 1;
    const directory: FsNode = node;
    if (directory.kind !== 'directory')
      throw new WasiError('bad-option', `${mount.path}: a name before it is no directory`);
    const found: FsNode | undefined = directory.lookup(name);
    node =
      (found && namespace.coveredBy(found)?.root) ??
      found ??
      make(directory, name, last && mount.root.kind === 'file', mount);
  }
  return node;
}

function make(directory: DirectoryNode, name: string, file: boolean, mount: Mount): FsNode {
  if (!(directory instanceof MemoryDirectory)) {
    throw new WasiError('bad-option', `${mount.path} is to be mounted where the host directory has no "${name}"`);
  }
  return file ? directory.createFile(name) : directory.createDirectory(name);
}
