import { OciError } from '../error.ts';
import type { DirectoryEntry, FileEntry, LayerEntry, SymlinkEntry, TreeEntry } from './layer-entry.ts';

interface Directory {
  readonly kind: 'directory';
  attributes: Omit<DirectoryEntry, 'path' | 'type'>;
  readonly children: Map<string, TreeNode>;
}
type TreeNode =
  | Directory
  | { readonly kind: 'file'; readonly entry: FileEntry }
  | { readonly kind: 'symlink'; readonly entry: SymlinkEntry };

// Linux's own bound.
const MOST_SYMLINKS = 40;

/** A read-only file system made of layers; symbolic links never lead out of its root. */
export class FileTree {
  readonly #root: Directory = directory();

  /**
   * Applies layers, lowest first. A layer's whiteouts hide what is below it and never its own files, whatever their
   * order in the archive; a directory over a directory keeps its children; any other collision replaces.
   *
   * @throws OciError `layer_corrupt` for a hard link to nothing, `layer_path` for symlink loops
   */
  static fromLayers(layers: readonly (readonly LayerEntry[])[]): FileTree {
    const tree = new FileTree();
    for (const layer of layers) tree.#apply(layer);
    return tree;
  }

  /** From what `entries()` gave. */
  static fromEntries(entries: readonly TreeEntry[]): FileTree {
    return FileTree.fromLayers([entries]);
  }

  /** Everything below the root, sorted by path. */
  entries(): TreeEntry[] {
    const found: TreeEntry[] = [];
    const walk = (at: Directory, prefix: string): void => {
      for (const [name, child] of at.children) {
        const path = prefix + name;
        if (child.kind === 'directory') {
          found.push({ type: 'directory', path, ...child.attributes });
          walk(child, `${path}/`);
        } else found.push({ ...child.entry, path });
      }
    };
    walk(this.#root, '');
    return found.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** The file that a path leads to, through symbolic links; undefined for directories and where nothing is. */
  file(path: string): FileEntry | undefined {
    const found = this.#walk(path.split('/'), undefined);
    return found?.kind === 'file' ? found.entry : undefined;
  }

  #apply(layer: readonly LayerEntry[]): void {
    for (const entry of layer) {
      if (entry.type === 'opaque') this.#directoryAt(entry.path, false)?.children.clear();
      if (entry.type === 'whiteout') {
        const { parent, name } = split(entry.path);
        this.#directoryAt(parent, false)?.children.delete(name);
      }
    }
    for (const entry of layer) this.#add(entry);
  }

  #add(entry: LayerEntry): void {
    if (entry.type === 'opaque' || entry.type === 'whiteout') return;
    if (entry.path === '') {
      if (entry.type === 'directory') this.#root.attributes = { mode: entry.mode, mtime: entry.mtime };
      return;
    }
    const { parent, name } = split(entry.path);
    // The target may be what the link itself replaces.
    const target = entry.type === 'hardlink' ? this.#linkTarget(entry.target) : undefined;
    const { children } = this.#directoryAt(parent, true)!;
    switch (entry.type) {
      case 'directory': {
        const present = children.get(name);
        const attributes = { mode: entry.mode, mtime: entry.mtime };
        if (present?.kind === 'directory') present.attributes = attributes;
        else children.set(name, { kind: 'directory', attributes, children: new Map() });
        return;
      }
      case 'hardlink':
        if (!target)
          throw new OciError('layer_corrupt', `the layer links ${entry.path} to ${entry.target}, which is not there`);
        children.set(name, target);
        return;
      case 'file':
        children.set(name, { kind: 'file', entry });
        return;
      case 'symlink':
        children.set(name, { kind: 'symlink', entry });
    }
  }

  /** Hard links may point to files of lower layers; the link's own last part is not followed. */
  #linkTarget(path: string): TreeNode | undefined {
    const { parent, name } = split(path);
    const found = this.#directoryAt(parent, false)?.children.get(name);
    return found?.kind === 'directory' ? undefined : found;
  }

  #directoryAt(path: string, create: boolean): Directory | undefined {
    const found = this.#walk(path === '' ? [] : path.split('/'), create ? 'create' : undefined);
    return found?.kind === 'directory' ? found : undefined;
  }

  /** @param mode `create` makes missing directories and replaces files that stand where one is needed */
  #walk(parts: readonly string[], mode: 'create' | undefined): TreeNode | undefined {
    const stack: Directory[] = [this.#root];
    const rest = [...parts].reverse();
    let links = 0;
    while (rest.length > 0) {
      const name = rest.pop()!;
      const at = stack.at(-1)!;
      if (name === '' || name === '.') continue;
      if (name === '..') {
        // The root is its own parent.
        if (stack.length > 1) stack.pop();
        continue;
      }
      let child = at.children.get(name);
      if (child?.kind === 'symlink') {
        if (++links > MOST_SYMLINKS)
          throw new OciError('layer_path', `symbolic links at ${parts.join('/')} lead in a circle`);
        if (child.entry.target.startsWith('/')) stack.length = 1;
        rest.push(...child.entry.target.split('/').reverse());
        continue;
      }
      if (child?.kind !== 'directory' && mode === 'create') {
        child = directory();
        at.children.set(name, child);
      }
      if (!child) return undefined;
      if (child.kind === 'directory') stack.push(child);
      else return rest.every((part) => part === '' || part === '.') ? child : undefined;
    }
    return stack.at(-1);
  }
}

function directory(): Directory {
  return { kind: 'directory', attributes: { mode: 0o755, mtime: 0 }, children: new Map() };
}

function split(path: string): { parent: string; name: string } {
  const slash = path.lastIndexOf('/');
  return { parent: slash < 0 ? '' : path.slice(0, slash), name: path.slice(slash + 1) };
}
