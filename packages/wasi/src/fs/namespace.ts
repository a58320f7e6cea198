import * as wasi from '../abi.ts';
import { errno } from '../errno.ts';
import { encodeText } from '../memory.ts';
import type { DirectoryNode, FileNode, FsNode } from './node.ts';

/** A tree (or one file) at a place in the guest's name space. */
export interface Mount {
  /** Absolute path in the guest, such as `/` or `/etc/config`. */
  readonly path: string;
  readonly root: DirectoryNode | FileNode;
  /** Writing fails with `rofs`. Default false. */
  readonly readOnly?: boolean;
}

/** A directory and the mount through which it was reached. */
export interface Place {
  readonly node: DirectoryNode;
  readonly mount: Mount;
}

export interface Resolved {
  /** The directory that has, or would have, the last name. */
  readonly parent: Place;
  /** The last name; `.` where the path ends in `.`, `..` or is a mount point. */
  readonly name: string;
  readonly node: FsNode | undefined;
  readonly mount: Mount;
  /** The path ended in a slash: only a directory will do. */
  readonly slash: boolean;
}

/** What happens to a symbolic link in the last place. `never`: not even when a slash follows (unlink, rename). */
export type LastLink = 'follow' | 'keep' | 'never';

/** As Linux: more links than this in one path is a loop. */
const MAX_LINKS = 40;
const MAX_NAME_BYTES = 255;
const MAX_PATH_BYTES = 4096;

/** Walks paths through mounts and symbolic links, never above the directory it starts from. */
export class Namespace {
  /** Mounts by the node that they hide. */
  readonly #covers = new Map<FsNode, Mount>();

  /** From now on whoever comes to `node` finds the mount instead. */
  cover(node: FsNode, mount: Mount): void {
    this.#covers.set(node, mount);
  }

  coveredBy(node: FsNode): Mount | undefined {
    return this.#covers.get(node);
  }

  /**
   * Resolves a path relative to `base`. `basePath` is the guest path of a pre-opened base: an absolute symbolic link is
   * followed if it leads back below it. Throws `noent`, `notdir`, `loop`, `nametoolong`, `inval`, and `perm` where the
   * path would leave the base.
   */
  resolve(base: Place, path: string, last: LastLink, basePath?: string): Resolved {
    if (path === '') throw errno(wasi.ERRNO_NOENT);
    if (path.includes('\0')) throw errno(wasi.ERRNO_INVAL);
    if (path.startsWith('/')) throw errno(wasi.ERRNO_PERM);
    if (path.length > MAX_PATH_BYTES / 4 && encodeText(path).length >= MAX_PATH_BYTES) {
      throw errno(wasi.ERRNO_NAMETOOLONG);
    }
    const direct = this.#resolvePlain(base, path, last);
    if (direct) return direct;
    // Names still to walk, the next one at the end.
    const names = path.split('/').reverse();
    const stack: Place[] = [base];
    let links = 0;
    for (;;) {
      const name = names.pop()!;
      const here = stack[stack.length - 1]!;
      const slash = names.length > 0 && names.every((rest) => rest === '');
      const final = names.length === 0 || slash;
      if (name === '' || name === '.' || name === '..') {
        if (name === '..') {
          if (stack.length === 1) throw errno(wasi.ERRNO_PERM);
          stack.pop();
        }
        if (!final) continue;
        const place = stack[stack.length - 1]!;
        const rename = name === '..' ? '..' : '.';
        return { parent: place, name: rename, node: place.node, mount: place.mount, slash: true };
      }
      if (name.length > MAX_NAME_BYTES / 3 && encodeText(name).length > MAX_NAME_BYTES) {
        throw errno(wasi.ERRNO_NAMETOOLONG);
      }
      let node = here.node.lookup(name);
      let { mount } = here;
      const covering = node && this.#covers.size > 0 ? this.#covers.get(node) : undefined;
      if (covering) {
        mount = covering;
        node = covering.root;
      }
      if (node?.kind === 'symlink' && (!final || last === 'follow' || (slash && last === 'keep'))) {
        if (++links > MAX_LINKS) throw errno(wasi.ERRNO_LOOP);
        let { target } = node;
        if (target === '') throw errno(wasi.ERRNO_NOENT);
        if (target.startsWith('/')) {
          target = belowBase(target, basePath);
          stack.length = 1;
        }
        names.push(...target.split('/').reverse());
        continue;
      }
      if (final) {
        if (slash && node && node.kind !== 'directory') throw errno(wasi.ERRNO_NOTDIR);
        return { parent: here, name, node, mount, slash };
      }
      if (!node) throw errno(wasi.ERRNO_NOENT);
      if (node.kind !== 'directory') throw errno(wasi.ERRNO_NOTDIR);
      stack.push({ node, mount });
    }
  }

  /** Most paths: names only, no links on the way, and all of it there but perhaps the last. Undefined: walk in full. */
  #resolvePlain(base: Place, path: string, last: LastLink): Resolved | undefined {
    let here = base;
    for (let start = 0; ; ) {
      const end = path.indexOf('/', start);
      const name = end === -1 ? path.slice(start) : path.slice(start, end);
      if (name === '' || name === '.' || name === '..' || name.length > MAX_NAME_BYTES / 3) return undefined;
      let node = here.node.lookup(name);
      let { mount } = here;
      const covering = node && this.#covers.size > 0 ? this.#covers.get(node) : undefined;
      if (covering) {
        mount = covering;
        node = covering.root;
      }
      if (end === -1) {
        if (node?.kind === 'symlink' && last === 'follow') return undefined;
        return { parent: here, name, node, mount, slash: false };
      }
      if (node?.kind !== 'directory') return undefined;
      here = { node, mount };
      start = end + 1;
    }
  }
}

/** The rest of an absolute link target below the pre-opened directory's own path; `perm` where it leads elsewhere. */
function belowBase(target: string, basePath: string | undefined): string {
  if (basePath === undefined || !basePath.startsWith('/')) throw errno(wasi.ERRNO_PERM);
  const prefix = basePath.endsWith('/') ? basePath : `${basePath}/`;
  const full = target.endsWith('/') ? target : `${target}/`;
  if (!full.startsWith(prefix)) throw errno(wasi.ERRNO_PERM);
  return target.slice(prefix.length).replace(/^\/+/, '') || '.';
}
