// What every file system gives the host: nodes that know their own kind. Calls that fail throw `Errno`.

/** Milliseconds since the epoch, or exact nanoseconds where the program set them. */
export type Timestamp = number | bigint;

export interface NodeStat {
  readonly dev: number | bigint;
  readonly ino: number | bigint;
  readonly filetype: number;
  readonly nlink: number;
  readonly size: number;
  readonly atime: Timestamp;
  readonly mtime: Timestamp;
  readonly ctime: Timestamp;
}

interface NodeBase {
  stat(): NodeStat;
  /** Undefined leaves a time as it is. */
  setTimes(atime: Timestamp | undefined, mtime: Timestamp | undefined): void;
}

/** An open file. Positions and lengths are bytes; `read` and `write` may move fewer bytes than asked. */
export interface FileHandle extends NodeBase {
  size(): number;
  read(position: number, into: Uint8Array, start: number, length: number): number;
  write(position: number, from: Uint8Array, start: number, length: number): number;
  truncate(size: number): void;
  /** Makes sure that the file has at least `size` bytes (posix_fallocate). */
  allocate(size: number): void;
  sync(): void;
  close(): void;
}

export interface FileNode extends NodeBase {
  readonly kind: 'file';
  open(access: { readonly read: boolean; readonly write: boolean }): FileHandle;
}

export interface SymlinkNode extends NodeBase {
  readonly kind: 'symlink';
  readonly target: string;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly ino: number | bigint;
  readonly filetype: number;
  /** Continue after this entry by asking for entries from here; stays valid while entries come and go. */
  readonly cookie: number;
}

/** One reading of a directory, as an open directory descriptor keeps it. `.` and `..` are not part of it. */
export interface DirectoryListing {
  from(cookie: number): Iterable<DirectoryEntry>;
}

export interface DirectoryNode extends NodeBase {
  readonly kind: 'directory';
  /** The file system; nodes of two different ones cannot be linked or renamed into each other. */
  readonly fileSystem: object;
  lookup(name: string): FsNode | undefined;
  parentIno(): number | bigint;
  list(): DirectoryListing;
  createFile(name: string): FileNode;
  createDirectory(name: string): DirectoryNode;
  createSymlink(name: string, target: string): void;
  link(name: string, node: FsNode): void;
  unlink(name: string): void;
  removeDirectory(name: string): void;
  /** Both directories belong to the same file system. */
  rename(name: string, to: DirectoryNode, newName: string): void;
}

export type FsNode = FileNode | DirectoryNode | SymlinkNode;

/** First cookie of an entry: 1 and 2 follow `.` and `..` (fd_readdir adds these two itself). */
export const FIRST_COOKIE = 3;
