// witx `rights`. The shim's constants are numbers; the wire type is u64 and wider than its list.
const bit = (position: number): bigint => 1n << BigInt(position);

export const FD_DATASYNC: bigint = bit(0);
export const FD_READ: bigint = bit(1);
export const FD_SEEK: bigint = bit(2);
export const FD_FDSTAT_SET_FLAGS: bigint = bit(3);
export const FD_SYNC: bigint = bit(4);
export const FD_TELL: bigint = bit(5);
export const FD_WRITE: bigint = bit(6);
export const FD_ADVISE: bigint = bit(7);
export const FD_ALLOCATE: bigint = bit(8);
export const PATH_CREATE_DIRECTORY: bigint = bit(9);
export const PATH_CREATE_FILE: bigint = bit(10);
export const PATH_LINK_SOURCE: bigint = bit(11);
export const PATH_LINK_TARGET: bigint = bit(12);
export const PATH_OPEN: bigint = bit(13);
export const FD_READDIR: bigint = bit(14);
export const PATH_READLINK: bigint = bit(15);
export const PATH_RENAME_SOURCE: bigint = bit(16);
export const PATH_RENAME_TARGET: bigint = bit(17);
export const PATH_FILESTAT_GET: bigint = bit(18);
export const PATH_FILESTAT_SET_SIZE: bigint = bit(19);
export const PATH_FILESTAT_SET_TIMES: bigint = bit(20);
export const FD_FILESTAT_GET: bigint = bit(21);
export const FD_FILESTAT_SET_SIZE: bigint = bit(22);
export const FD_FILESTAT_SET_TIMES: bigint = bit(23);
export const PATH_SYMLINK: bigint = bit(24);
export const PATH_REMOVE_DIRECTORY: bigint = bit(25);
export const PATH_UNLINK_FILE: bigint = bit(26);
export const POLL_FD_READWRITE: bigint = bit(27);
export const SOCK_SHUTDOWN: bigint = bit(28);
export const SOCK_ACCEPT: bigint = bit(29);

const ALL: bigint = bit(30) - 1n;

/** What can be done with a regular file. */
export const FILE_RIGHTS: bigint =
  FD_DATASYNC |
  FD_READ |
  FD_SEEK |
  FD_FDSTAT_SET_FLAGS |
  FD_SYNC |
  FD_TELL |
  FD_WRITE |
  FD_ADVISE |
  FD_ALLOCATE |
  FD_FILESTAT_GET |
  FD_FILESTAT_SET_SIZE |
  FD_FILESTAT_SET_TIMES |
  POLL_FD_READWRITE;

/** What can be done with a directory and below it. */
export const DIRECTORY_RIGHTS: bigint =
  FD_FDSTAT_SET_FLAGS |
  FD_SYNC |
  FD_DATASYNC |
  FD_ADVISE |
  FD_READDIR |
  FD_FILESTAT_GET |
  FD_FILESTAT_SET_TIMES |
  PATH_CREATE_DIRECTORY |
  PATH_CREATE_FILE |
  PATH_LINK_SOURCE |
  PATH_LINK_TARGET |
  PATH_OPEN |
  PATH_READLINK |
  PATH_RENAME_SOURCE |
  PATH_RENAME_TARGET |
  PATH_FILESTAT_GET |
  PATH_FILESTAT_SET_SIZE |
  PATH_FILESTAT_SET_TIMES |
  PATH_SYMLINK |
  PATH_REMOVE_DIRECTORY |
  PATH_UNLINK_FILE;

/** What a pre-opened directory passes on. */
export const INHERITED_RIGHTS: bigint = ALL & ~(SOCK_SHUTDOWN | SOCK_ACCEPT);

// No seek, no tell: with them wasi-libc's isatty would not take a character device for a terminal.
export const INPUT_RIGHTS: bigint = FD_READ | FD_FDSTAT_SET_FLAGS | FD_FILESTAT_GET | POLL_FD_READWRITE;
export const OUTPUT_RIGHTS: bigint =
  FD_WRITE | FD_FDSTAT_SET_FLAGS | FD_FILESTAT_GET | POLL_FD_READWRITE | FD_SYNC | FD_DATASYNC;
export const SOCKET_RIGHTS: bigint = INPUT_RIGHTS | OUTPUT_RIGHTS | SOCK_SHUTDOWN;
export const LISTENER_RIGHTS: bigint = SOCK_ACCEPT | FD_FDSTAT_SET_FLAGS | FD_FILESTAT_GET | POLL_FD_READWRITE;
