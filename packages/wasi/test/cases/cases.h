// Shared by all case programs. Every line that a program prints is one case: the call as written, and what came of it.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>

static const char *const ERRNO[] = {
    "success",     "2big",        "acces",          "addrinuse", "addrnotavail", "afnosupport", "again",       "already",
    "badf",        "badmsg",      "busy",           "canceled",  "child",        "connaborted", "connrefused", "connreset",
    "deadlk",      "destaddrreq", "dom",            "dquot",     "exist",        "fault",       "fbig",        "hostunreach",
    "idrm",        "ilseq",       "inprogress",     "intr",      "inval",        "io",          "isconn",      "isdir",
    "loop",        "mfile",       "mlink",          "msgsize",   "multihop",     "nametoolong", "netdown",     "netreset",
    "netunreach",  "nfile",       "nobufs",         "nodev",     "noent",        "noexec",      "nolck",       "nolink",
    "nomem",       "nomsg",       "noprotoopt",     "nospc",     "nosys",        "notconn",     "notdir",      "notempty",
    "notrecoverable", "notsock",  "notsup",         "notty",     "nxio",         "overflow",    "ownerdead",   "perm",
    "pipe",        "proto",       "protonosupport", "prototype", "range",        "rofs",        "spipe",       "srch",
    "stale",       "timedout",    "txtbsy",         "xdev",      "notcapable"};

#define ROOT 3
#define ALL_FILE                                                                                                       \
  (__WASI_RIGHTS_FD_DATASYNC | __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_SEEK | __WASI_RIGHTS_FD_FDSTAT_SET_FLAGS |     \
   __WASI_RIGHTS_FD_SYNC | __WASI_RIGHTS_FD_TELL | __WASI_RIGHTS_FD_WRITE | __WASI_RIGHTS_FD_ADVISE |                  \
   __WASI_RIGHTS_FD_ALLOCATE | __WASI_RIGHTS_FD_FILESTAT_GET | __WASI_RIGHTS_FD_FILESTAT_SET_SIZE |                    \
   __WASI_RIGHTS_FD_FILESTAT_SET_TIMES | __WASI_RIGHTS_POLL_FD_READWRITE)
#define READ_ONLY (ALL_FILE & ~(__WASI_RIGHTS_FD_WRITE | __WASI_RIGHTS_FD_ALLOCATE | __WASI_RIGHTS_FD_DATASYNC |       \
                                __WASI_RIGHTS_FD_FILESTAT_SET_SIZE))
#define WRITE_ONLY (ALL_FILE & ~__WASI_RIGHTS_FD_READ)
#define DIR_RIGHTS (__WASI_RIGHTS_FD_READDIR | __WASI_RIGHTS_PATH_OPEN | __WASI_RIGHTS_FD_FILESTAT_GET |               \
                    __WASI_RIGHTS_FD_READ | (0x7ffULL << 16) | (0x7fULL << 9))

static int fd; // the descriptor of the last open
static __wasi_size_t moved;
static __wasi_filesize_t where;
static __wasi_filestat_t st;
static __wasi_fdstat_t fs;
static char buffer[4096];

#define CASE(call) printf("%s: %s\n", #call, ERRNO[call])
#define VALUE(format, value) printf("%s = " format "\n", #value, value)

static __wasi_errno_t open_at(int dir, const char *path, int oflags, uint64_t rights, int flags, int lookup) {
  __wasi_fd_t opened = -1;
  __wasi_errno_t e = __wasi_path_open(dir, lookup, path, oflags, rights, ~0ULL & ((1ULL << 30) - 1), flags, &opened);
  if (e == 0) fd = (int)opened;
  return e;
}
#define CREAT __WASI_OFLAGS_CREAT
#define DIRECTORY __WASI_OFLAGS_DIRECTORY
#define EXCL __WASI_OFLAGS_EXCL
#define TRUNC __WASI_OFLAGS_TRUNC
#define FOLLOW __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW

static __wasi_errno_t write_to(int to, const char *text) {
  __wasi_ciovec_t v = {(const uint8_t *)text, strlen(text)};
  return __wasi_fd_write(to, &v, 1, &moved);
}
static __wasi_errno_t read_from(int from, int length) {
  __wasi_iovec_t v = {(uint8_t *)buffer, (size_t)length};
  moved = 0;
  __wasi_errno_t e = __wasi_fd_read(from, &v, 1, &moved);
  buffer[e ? 0 : moved] = 0;
  return e;
}
static __wasi_errno_t pread_from(int from, int length, uint64_t at) {
  __wasi_iovec_t v = {(uint8_t *)buffer, (size_t)length};
  moved = 0;
  __wasi_errno_t e = __wasi_fd_pread(from, &v, 1, at, &moved);
  buffer[e ? 0 : moved] = 0;
  return e;
}
static __wasi_errno_t pwrite_to(int to, const char *text, uint64_t at) {
  __wasi_ciovec_t v = {(const uint8_t *)text, strlen(text)};
  return __wasi_fd_pwrite(to, &v, 1, at, &moved);
}
static __wasi_errno_t make_file(const char *path, const char *text) {
  __wasi_errno_t e = open_at(ROOT, path, CREAT | TRUNC, ALL_FILE, 0, 0);
  if (e) return e;
  e = write_to(fd, text);
  __wasi_fd_close(fd);
  return e;
}
static __wasi_errno_t stat_at(const char *path, int lookup) { return __wasi_path_filestat_get(ROOT, lookup, path, &st); }
static __wasi_errno_t mkdir_at(const char *path) { return __wasi_path_create_directory(ROOT, path); }
static __wasi_errno_t rmdir_at(const char *path) { return __wasi_path_remove_directory(ROOT, path); }
static __wasi_errno_t unlink_at(const char *path) { return __wasi_path_unlink_file(ROOT, path); }
static __wasi_errno_t symlink_at(const char *target, const char *path) { return __wasi_path_symlink(target, ROOT, path); }
static __wasi_errno_t link_at(const char *from, const char *to) { return __wasi_path_link(ROOT, 0, from, ROOT, to); }
static __wasi_errno_t rename_at(const char *from, const char *to) { return __wasi_path_rename(ROOT, from, ROOT, to); }
static __wasi_errno_t readlink_at(const char *path, int length) {
  moved = 0;
  __wasi_errno_t e = __wasi_path_readlink(ROOT, path, (uint8_t *)buffer, length, &moved);
  buffer[e ? 0 : moved] = 0;
  return e;
}
