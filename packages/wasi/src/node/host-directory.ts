// A directory of the machine as a file system of the guest. Node only.
import * as fs from 'node:fs';
import { join } from 'node:path';
import * as wasi from '../abi.ts';
import { errno } from '../errno.ts';
import type {
  DirectoryEntry,
  DirectoryListing,
  DirectoryNode,
  FileHandle,
  FileNode,
  FsNode,
  NodeStat,
  SymlinkNode,
  Timestamp,
} from '../fs/node.ts';
import { FIRST_COOKIE } from '../fs/node.ts';

/**
 * The directory at `path`, to be mounted. The guest sees its files live and changes them for real; it cannot leave it,
 * as links are followed by the host and not by the system. (A process of the machine that swaps a directory for a link
 * at the right moment could lead it out: share no directory with somebody you do not trust.)
 */
export function hostDirectory(path: string): DirectoryNode {
  const root = fs.realpathSync(path);
  if (!fs.statSync(root).isDirectory()) throw new TypeError(`${path} is not a directory`);
  return new HostFileSystem(root).root;
}

class HostFileSystem {
  readonly path: string;
  readonly root: HostDirectory;

  constructor(path: string) {
    this.path = path;
    this.root = new HostDirectory(this, undefined, '');
  }

  /** Of a node of this file system, relative to its root; for saved states. */
  pathOf(node: FsNode): string | undefined {
    return node instanceof HostNode && node.fileSystem === this ? node.relativePath : undefined;
  }

  nodeAt(path: string): FsNode | undefined {
    let node: FsNode | undefined = this.root;
    for (const name of path.split('/')) {
      if (name !== '') node = node?.kind === 'directory' ? node.lookup(name) : undefined;
    }
    return node;
  }
}

abstract class HostNode {
  readonly fileSystem: HostFileSystem;
  parent: HostDirectory | undefined;
  name: string;

  constructor(fileSystem: HostFileSystem, parent: HostDirectory | undefined, name: string) {
    this.fileSystem = fileSystem;
    this.parent = parent;
    this.name = name;
  }

  get relativePath(): string {
    return this.parent ? join(this.parent.relativePath, this.name) : '';
  }

  get path(): string {
    return join(this.fileSystem.path, this.relativePath);
  }

  stat(): NodeStat {
    return system(() => toStat(fs.lstatSync(this.path, { bigint: true })));
  }

  setTimes(atime: Timestamp | undefined, mtime: Timestamp | undefined): void {
    system(() => {
      const now = fs.lstatSync(this.path, { bigint: true });
      fs.lutimesSync(this.path, seconds(atime ?? now.atimeNs), seconds(mtime ?? now.mtimeNs));
    });
  }
}

class HostFile extends HostNode implements FileNode {
  readonly kind = 'file';

  open({ write }: { readonly read: boolean; readonly write: boolean }): FileHandle {
    // O_NONBLOCK: opening a named pipe must not stop the thread. Reading is always possible: rights are checked above.
    const flags =
      (write ? fs.constants.O_RDWR : fs.constants.O_RDONLY) | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;
    return system(() => new HostFileHandle(fs.openSync(this.path, flags)));
  }
}

class HostSymlink extends HostNode implements SymlinkNode {
  readonly kind = 'symlink';

  get target(): string {
    return system(() => fs.readlinkSync(this.path));
  }
}

class HostFileHandle implements FileHandle {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  size(): number {
    return system(() => fs.fstatSync(this.#fd).size);
  }

  stat(): NodeStat {
    return system(() => toStat(fs.fstatSync(this.#fd, { bigint: true })));
  }

  read(position: number, into: Uint8Array, start: number, length: number): number {
    return system(() => fs.readSync(this.#fd, into, start, length, position));
  }

  write(position: number, from: Uint8Array, start: number, length: number): number {
    return system(() => fs.writeSync(this.#fd, from, start, length, position));
  }

  truncate(size: number): void {
    system(() => fs.ftruncateSync(this.#fd, size));
  }

  allocate(size: number): void {
    if (size > this.size()) this.truncate(size);
  }

  setTimes(atime: Timestamp | undefined, mtime: Timestamp | undefined): void {
    system(() => {
      const now = fs.fstatSync(this.#fd, { bigint: true });
      fs.futimesSync(this.#fd, seconds(atime ?? now.atimeNs), seconds(mtime ?? now.mtimeNs));
    });
  }

  sync(): void {
    system(() => fs.fsyncSync(this.#fd));
  }

  close(): void {
    fs.closeSync(this.#fd);
  }
}

class HostDirectory extends HostNode implements DirectoryNode {
  readonly kind = 'directory';
  /** Directories that were looked up: an open one is to be the same object, and to know its new name after a rename. */
  readonly #directories = new Map<string, HostDirectory>();

  lookup(name: string): FsNode | undefined {
    const stat = system(() => fs.lstatSync(join(this.path, name), { throwIfNoEntry: false }));
    if (stat?.isDirectory()) {
      let directory = this.#directories.get(name);
      if (!directory) this.#directories.set(name, (directory = new HostDirectory(this.fileSystem, this, name)));
      return directory;
    }
    this.#directories.delete(name);
    if (!stat) return undefined;
    return stat.isSymbolicLink()
      ? new HostSymlink(this.fileSystem, this, name)
      : new HostFile(this.fileSystem, this, name);
  }

  parentIno(): number | bigint {
    return (this.parent ?? this).stat().ino;
  }

  list(): DirectoryListing {
    // A listing of its own for every reading from the start, so its numbers stay valid whatever comes and goes.
    const names = system(() => fs.readdirSync(this.path));
    const directory = this.path;
    return {
      *from(cookie: number): Iterable<DirectoryEntry> {
        for (let i = cookie - FIRST_COOKIE; i < names.length; i++) {
          const name = names[i]!;
          const stat = fs.lstatSync(join(directory, name), { bigint: true, throwIfNoEntry: false });
          if (stat) yield { name, ino: stat.ino, filetype: toFiletype(stat), cookie: i + FIRST_COOKIE + 1 };
        }
      },
    };
  }

  createFile(name: string): FileNode {
    system(() => fs.closeSync(fs.openSync(join(this.path, name), 'wx', 0o666)));
    return new HostFile(this.fileSystem, this, name);
  }

  createDirectory(name: string): DirectoryNode {
    system(() => fs.mkdirSync(join(this.path, name)));
    return this.lookup(name) as DirectoryNode;
  }

  createSymlink(name: string, target: string): void {
    system(() => fs.symlinkSync(target, join(this.path, name)));
  }

  link(name: string, node: FsNode): void {
    if (!(node instanceof HostNode)) throw errno(wasi.ERRNO_XDEV);
    system(() => fs.linkSync(node.path, join(this.path, name)));
  }

  unlink(name: string): void {
    system(() => fs.unlinkSync(join(this.path, name)));
  }

  removeDirectory(name: string): void {
    system(() => fs.rmdirSync(join(this.path, name)));
    this.#directories.delete(name);
  }

  rename(name: string, to: DirectoryNode, newName: string): void {
    if (!(to instanceof HostDirectory)) throw errno(wasi.ERRNO_XDEV);
    system(() => fs.renameSync(join(this.path, name), join(to.path, newName)));
    const moved = this.#directories.get(name);
    if (!moved || moved === to.#directories.get(newName)) return;
    this.#directories.delete(name);
    moved.parent = to;
    moved.name = newName;
    to.#directories.set(newName, moved);
  }
}

/** Runs a system call and turns its error into the errno of the same name. */
function system<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    const number = (wasi as unknown as Record<string, number | undefined>)[`ERRNO_${code.slice(1)}`];
    throw errno(number ?? wasi.ERRNO_IO);
  }
}

function toStat(stat: fs.BigIntStats): NodeStat {
  return {
    dev: stat.dev,
    ino: stat.ino,
    filetype: toFiletype(stat),
    nlink: Number(stat.nlink),
    size: Number(stat.size),
    atime: stat.atimeNs,
    mtime: stat.mtimeNs,
    ctime: stat.ctimeNs,
  };
}

function toFiletype(stat: fs.BigIntStats): number {
  if (stat.isFile()) return wasi.FILETYPE_REGULAR_FILE;
  if (stat.isDirectory()) return wasi.FILETYPE_DIRECTORY;
  if (stat.isSymbolicLink()) return wasi.FILETYPE_SYMBOLIC_LINK;
  if (stat.isCharacterDevice()) return wasi.FILETYPE_CHARACTER_DEVICE;
  if (stat.isBlockDevice()) return wasi.FILETYPE_BLOCK_DEVICE;
  return stat.isSocket() ? wasi.FILETYPE_SOCKET_STREAM : wasi.FILETYPE_UNKNOWN;
}

/** utimes takes seconds as a double: exact to about a quarter of a microsecond. */
function seconds(time: Timestamp): number {
  return typeof time === 'bigint' ? Number(time) / 1e9 : time / 1000;
}
