/** Where we answer otherwise than wasmtime on purpose. `cases`: lines of our output, with their section in `kinds`. */
export interface Difference {
  readonly cases: RegExp;
  readonly why: string;
  /** wasmtime answers now so, now so. */
  readonly sometimes?: true;
}

export const differences: readonly Difference[] = [
  {
    cases: /^poll: (moved = [12]|events\[[01]\]: .*|polled\[.*|select\(.*|poll\(.*|FD_ISSET.*)$/,
    why: 'all subscriptions that are ready are reported; on a busy machine wasmtime reports those it looked at first',
    sometimes: true,
  },
  {
    cases: /^paths: unlink_at\("dirlink\/"\): notdir$/,
    why: 'unlink(2) on Linux: a link to a directory with a slash behind it is not a directory to unlink',
  },
  {
    cases: /^paths: rmdir_at\("(dirlink\/|dir\/\.\.|slash\/)"\)/,
    why: 'rmdir(2): ENOTDIR, ENOTEMPTY and success; wasmtime 50 refuses every path that ends in a slash or dots',
  },
  {
    cases: /^open: open_at\(ROOT, "dir", TRUNC \| DIRECTORY, READ_ONLY, 0, 0\): isdir$/,
    why: 'open(2): truncating a directory is EISDIR whatever else is asked',
  },
  {
    cases: /^open: open_at\(0, "x", .*: notdir$/,
    why: 'openat(2): a descriptor that is open but no directory is ENOTDIR',
  },
  {
    cases: /^open: open_at\(ROOT, "(link|dirlink)", DIRECTORY, READ_ONLY, 0, 0\): notdir$/,
    why: 'open(2): O_DIRECTORY and O_NOFOLLOW on a symbolic link is ENOTDIR',
  },
  { cases: /^open: fd = [45]$/, why: 'POSIX: the lowest free number; wasmtime reuses the one closed last' },
  {
    cases: /__wasi_fd_allocate\(|^files: st\.size = (100|110)$/,
    why: 'wasmtime dropped fd_allocate; we do what posix_fallocate does, as wasi-libc expects',
  },
  {
    cases: /^files: (moved = [57]|buffer \+ 200 = 3AB6|buffer = abcdeB6789|buffer\[3\] = 100)$/,
    why: 'all vectors are read and written; wasmtime uses only the first that is not empty, as it may',
  },
  {
    cases: /^poll: events\[0\]\.fd_readwrite\.nbytes = 10$/,
    why: 'witx: the number of bytes available; wasmtime always says 1',
  },
  {
    cases: /^poll: POLL\(1\): success$/,
    why: 'a bad subscription is reported in its event, from which the poll of wasi-libc makes POLLNVAL',
  },
  {
    cases:
      /^kinds: (stdin|file): __wasi_(path_|fd_readdir).*: notdir$|^kinds: (stdin|stdout|file): (__wasi_(path_|fd_readdir)|open_at).*: notdir$/,
    why: 'POSIX: a descriptor that is open but no directory is ENOTDIR; wasmtime says badf in most calls',
  },
  {
    cases: /^kinds: [a-z -]+: __wasi_fd_prestat_dir_name\(.*: badf$/,
    why: 'badf as fd_prestat_get says: it is what ends the search of wasi-libc for pre-opened directories',
  },
  {
    cases: /^kinds: std(in|out): (pread_from|pwrite_to|__wasi_fd_(advise|allocate)).*: spipe$/,
    why: 'POSIX: ESPIPE for positions on a pipe; wasmtime says badf in these',
  },
  {
    cases: /^kinds: std(in|out): __wasi_fd_(sync|datasync|filestat_set_size|filestat_set_times)\(.*: inval$/,
    why: 'POSIX: EINVAL for a descriptor that has no storage; wasmtime says badf',
  },
  { cases: /^kinds: stdout: __wasi_fd_(sync|datasync)\(d\): success$/, why: 'syncing stdout passes held output on' },
  {
    cases: /^kinds: (pre-opened )?directory: __wasi_fd_(sync|datasync)\(d\): (success|notcapable)$/,
    why: 'fsync(2) works on directories, given the right to; wasmtime says badf',
  },
  {
    cases: /^rights: (fs\.fs_rights_(base|inheriting) == \w+ = 1|has\(.*PATH_FILESTAT_GET\) = 0)$/,
    why: 'a directory keeps what it was opened with, and a file has no rights for paths; wasmtime makes its rights up',
  },
  {
    cases: /^rights: (__wasi_fd_fdstat_set_rights|__wasi_fd_seek\(fd, 1|__wasi_path_create_directory|write_to)/,
    why: 'witx: rights can be given up for good; wasmtime no longer supports it',
  },
];
