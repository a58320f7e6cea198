// Changing a tree from outside while a program runs in it. Every change takes effect between two calls of the program.
import { WasiError } from '../error.ts';
import type { MemoryDirectory } from './memory-directory.ts';
import { MemoryFile } from './memory-file.ts';
import type { MemoryTree } from './memory-tree.ts';
import { bytesSource } from './source.ts';

function namesOf(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  if (names.includes('..')) throw new WasiError('bad-option', `the path ${JSON.stringify(path)} leaves the tree`);
  return names;
}

/** The directory at a path, made with its parents where it is missing. */
export function makeDirectory(tree: MemoryTree, path: string): MemoryDirectory {
  let directory = tree.root;
  for (const name of namesOf(path)) {
    const next = directory.lookup(name) ?? directory.createDirectory(name);
    if (next.kind !== 'directory') throw new WasiError('bad-option', `${path}: ${name} is not a directory`);
    directory = next;
  }
  return directory;
}

/**
 * Puts a file in place of whatever file had the name, at once: a program that has the old one open goes on reading the
 * old one. The bytes are the tree's to keep. They do not count against the size limit until the program writes to them.
 */
export function writeFile(tree: MemoryTree, path: string, bytes: Uint8Array): void {
  const names = namesOf(path);
  const name = names.pop();
  if (name === undefined) throw new WasiError('bad-option', 'a file needs a name');
  const directory = makeDirectory(tree, names.join('/'));
  const temporary = `.${name}.new`;
  const file = new MemoryFile(tree, bytesSource(bytes));
  file.content.madeOutside = true;
  directory.adopt(temporary, file);
  directory.rename(temporary, directory, name);
}

/** The bytes of a file, symbolic links not followed; undefined if there is none. */
export function readFile(tree: MemoryTree, path: string): Uint8Array | undefined {
  const node = tree.find(path);
  if (node?.kind !== 'file') return undefined;
  const bytes = new Uint8Array(node.size());
  node.read(0, bytes, 0, bytes.length);
  return bytes;
}

/** Removes a file, a link, or a directory with all below it; nothing happens where nothing is. */
export function remove(tree: MemoryTree, path: string): void {
  const names = namesOf(path);
  const name = names.pop();
  const directory = tree.find(names.join('/'));
  if (name === undefined || directory?.kind !== 'directory') return;
  const node = directory.lookup(name);
  if (node?.kind === 'directory') {
    for (const child of [...node.entries()].map(([entry]) => entry)) remove(tree, `${path}/${child}`);
    directory.removeDirectory(name);
  } else if (node) directory.unlink(name);
}

/**
 * Replaces a set of files in one step, as a kubelet does for ConfigMaps and Secrets (its AtomicWriter): the files live in
 * a directory of their own, `..data` is a link to it, each visible name is a link through `..data`, and renaming a new
 * `..data` over the old one switches all of them. A program that opened `..data` or a file before keeps what it has.
 * `version` must differ from the one before, such as a time stamp. Names may have directories in them.
 */
export function publish(
  tree: MemoryTree,
  directory: string,
  files: Readonly<Record<string, Uint8Array>>,
  version: string,
): void {
  const home = makeDirectory(tree, directory);
  const at = (path: string): string => `${directory}/${path}`;
  const fresh = `..${version}`;
  if (home.lookup(fresh)) throw new WasiError('bad-option', `version ${version} is there already`);
  makeDirectory(tree, at(fresh));
  for (const [name, bytes] of Object.entries(files)) writeFile(tree, at(`${fresh}/${name}`), bytes);
  const old = home.lookup('..data');
  home.createSymlink('..data_tmp', fresh);
  home.rename('..data_tmp', home, '..data');
  const visible = new Set(Object.keys(files).map((name) => namesOf(name)[0]!));
  for (const name of visible) if (!home.lookup(name)) home.createSymlink(name, `..data/${name}`);
  for (const [name] of [...home.entries()]) {
    const node = home.lookup(name);
    const stale = node?.kind === 'symlink' && node.target === `..data/${name}` && !visible.has(name);
    if (stale) home.unlink(name);
  }
  if (old?.kind === 'symlink') remove(tree, at(old.target));
}
