#include "cases.h"

int32_t raw_open(int32_t dir, int32_t lookup, const char *path, int32_t length, int32_t oflags, int64_t base,
                 int64_t inheriting, int32_t flags, int32_t *opened)
    __attribute__((__import_module__("wasi_snapshot_preview1"), __import_name__("path_open")));

static __wasi_errno_t open_bytes(const char *path, int length) {
  return raw_open(ROOT, 0, path, length, CREAT, ALL_FILE, 0, 0, &fd);
}
static int has(uint64_t rights, uint64_t right) { return (rights & right) == right; }

int main(void) {
  CASE(open_bytes("name\0more", 9));
  CASE(open_bytes("name\0", 5));
  CASE(open_bytes("\0", 1));
  CASE(open_bytes("", 0));
  CASE(open_bytes("abc", 2));
  CASE(stat_at("ab", 0));
  CASE(__wasi_fd_fdstat_get(ROOT, &fs));
  VALUE("%d", has(fs.fs_rights_base, __WASI_RIGHTS_PATH_OPEN | __WASI_RIGHTS_FD_READDIR | __WASI_RIGHTS_PATH_FILESTAT_GET));
  VALUE("%d", has(fs.fs_rights_inheriting, __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE | __WASI_RIGHTS_FD_SEEK));
  uint64_t base = fs.fs_rights_base, inheriting = fs.fs_rights_inheriting;
  CASE(__wasi_path_open(ROOT, 0, ".", DIRECTORY, base, inheriting, 0, (__wasi_fd_t *)&fd));
  CASE(__wasi_fd_fdstat_get(fd, &fs));
  VALUE("%d", fs.fs_rights_base == base);
  VALUE("%d", fs.fs_rights_inheriting == inheriting);
  CASE(make_file("file", "text"));
  CASE(open_at(ROOT, "file", 0, ALL_FILE | __WASI_RIGHTS_PATH_FILESTAT_GET, 0, 0));
  CASE(__wasi_fd_fdstat_get(fd, &fs));
  VALUE("%d", has(fs.fs_rights_base, __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE | __WASI_RIGHTS_FD_SEEK));
  VALUE("%d", has(fs.fs_rights_base, __WASI_RIGHTS_PATH_FILESTAT_GET));
  VALUE("%d", has(fs.fs_rights_inheriting, __WASI_RIGHTS_PATH_FILESTAT_GET));
  CASE(open_at(ROOT, "file", 0, READ_ONLY, 0, 0));
  CASE(__wasi_fd_fdstat_get(fd, &fs));
  VALUE("%d", has(fs.fs_rights_base, __WASI_RIGHTS_FD_WRITE));
  CASE(__wasi_fd_fdstat_get(0, &fs));
  VALUE("%d", has(fs.fs_rights_base, __WASI_RIGHTS_FD_READ));
  VALUE("%d", has(fs.fs_rights_base, __WASI_RIGHTS_FD_SEEK) || has(fs.fs_rights_base, __WASI_RIGHTS_FD_TELL));
  CASE(__wasi_fd_fdstat_get(1, &fs));
  VALUE("%d", has(fs.fs_rights_base, __WASI_RIGHTS_FD_WRITE));
  // What is asked for decides the access mode and nothing else.
  CASE(open_at(ROOT, "file", 0, __WASI_RIGHTS_FD_READ, 0, 0));
  CASE(__wasi_fd_seek(fd, 1, __WASI_WHENCE_SET, &where));
  CASE(__wasi_fd_filestat_get(fd, &st));
  CASE(__wasi_fd_tell(fd, &where));
  CASE(pread_from(fd, 1, 0));
  CASE(__wasi_fd_sync(fd));
  CASE(open_at(ROOT, "file", 0, __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE, 0, 0));
  CASE(__wasi_fd_filestat_set_size(fd, 3));
  CASE(__wasi_fd_filestat_set_times(fd, 0, 0, __WASI_FSTFLAGS_MTIM_NOW));
  CASE(__wasi_fd_advise(fd, 0, 1, 0));
  CASE(__wasi_fd_datasync(fd));
  CASE(pwrite_to(fd, "x", 0));
  CASE(open_at(ROOT, "file", 0, 0, 0, 0));
  CASE(read_from(fd, 1));
  CASE(write_to(fd, "x"));
  CASE(open_at(ROOT, "file", 0, __WASI_RIGHTS_FD_WRITE, 0, 0));
  CASE(read_from(fd, 1));
  CASE(mkdir_at("plain"));
  CASE(__wasi_path_open(ROOT, 0, "plain", DIRECTORY, 0, 0, 0, (__wasi_fd_t *)&fd));
  CASE(__wasi_fd_readdir(fd, (uint8_t *)buffer, 100, 0, &moved));
  CASE(open_at(fd, "inside", CREAT, __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE, 0, 0));
  CASE(write_to(fd, "x"));
  // Rights can be given up, and not be had back.
  CASE(open_at(ROOT, "file", 0, ALL_FILE, 0, 0));
  CASE(__wasi_fd_fdstat_get(fd, &fs));
  CASE(__wasi_fd_fdstat_set_rights(fd, fs.fs_rights_base, fs.fs_rights_inheriting));
  CASE(__wasi_fd_fdstat_set_rights(fd, fs.fs_rights_base & ~__WASI_RIGHTS_FD_SEEK, 0));
  CASE(__wasi_fd_seek(fd, 1, __WASI_WHENCE_SET, &where));
  CASE(__wasi_fd_seek(fd, 0, __WASI_WHENCE_CUR, &where));
  CASE(read_from(fd, 4));
  CASE(__wasi_fd_fdstat_set_rights(fd, fs.fs_rights_base, 0));
  CASE(__wasi_fd_fdstat_set_rights(99, 0, 0));
  CASE(mkdir_at("dir"));
  CASE(open_at(ROOT, "dir", DIRECTORY, DIR_RIGHTS, 0, 0));
  CASE(__wasi_fd_fdstat_get(fd, &fs));
  CASE(__wasi_fd_fdstat_set_rights(fd, fs.fs_rights_base & ~__WASI_RIGHTS_PATH_CREATE_DIRECTORY, fs.fs_rights_inheriting & ~__WASI_RIGHTS_FD_WRITE));
  CASE(__wasi_path_create_directory(fd, "sub"));
  int dir = fd;
  CASE(open_at(dir, "new", CREAT, ALL_FILE, 0, 0));
  CASE(write_to(fd, "x"));
  return 0;
}
