// Every call on every kind of descriptor: stdin, stdout, a directory, a file, none.
#include "cases.h"

static void on(const char *name, int d, int other) {
  printf("-- %s\n", name);
  __wasi_prestat_t prestat;
  CASE(__wasi_fd_fdstat_get(d, &fs));
  if (d != 99) VALUE("%d", fs.fs_filetype);
  CASE(__wasi_fd_filestat_get(d, &st));
  CASE(read_from(d, 0));
  if (d != 1) CASE(write_to(d, ""));
  CASE(pread_from(d, 1, 0));
  CASE(pwrite_to(d, "", 0));
  if (d != 1) CASE(read_from(d, 1));
  CASE(__wasi_fd_seek(d, 0, __WASI_WHENCE_CUR, &where));
  CASE(__wasi_fd_seek(d, 0, __WASI_WHENCE_SET, &where));
  CASE(__wasi_fd_tell(d, &where));
  CASE(__wasi_fd_sync(d));
  CASE(__wasi_fd_datasync(d));
  CASE(__wasi_fd_advise(d, 0, 1, 0));
  CASE(__wasi_fd_allocate(d, 0, 1));
  CASE(__wasi_fd_filestat_set_size(d, 0));
  CASE(__wasi_fd_filestat_set_times(d, 0, 0, __WASI_FSTFLAGS_MTIM_NOW));
  CASE(__wasi_fd_readdir(d, (uint8_t *)buffer, 100, 0, &moved));
  CASE(__wasi_fd_prestat_get(d, &prestat));
  CASE(__wasi_fd_prestat_dir_name(d, (uint8_t *)buffer, 0));
  CASE(__wasi_path_create_directory(d, "made"));
  CASE(__wasi_path_remove_directory(d, "made"));
  CASE(__wasi_path_filestat_get(d, 0, "nothing", &st));
  CASE(__wasi_path_filestat_set_times(d, 0, "nothing", 0, 0, __WASI_FSTFLAGS_MTIM_NOW));
  CASE(__wasi_path_unlink_file(d, "nothing"));
  CASE(__wasi_path_readlink(d, "nothing", (uint8_t *)buffer, 10, &moved));
  CASE(__wasi_path_symlink("x", d, "missing/l"));
  CASE(__wasi_path_link(d, 0, "nothing", other, "l"));
  CASE(__wasi_path_rename(d, "nothing", other, "l"));
  CASE(open_at(d, "nothing", 0, READ_ONLY, 0, 0));
  CASE(__wasi_sock_shutdown(d, __WASI_SDFLAGS_RD));
  __wasi_iovec_t in = {(uint8_t *)buffer, 1};
  __wasi_ciovec_t out = {(uint8_t *)buffer, 1};
  __wasi_roflags_t flags;
  __wasi_fd_t accepted;
  CASE(__wasi_sock_recv(d, &in, 1, 0, &moved, &flags));
  CASE(__wasi_sock_send(d, &out, 1, 0, &moved));
  CASE(__wasi_sock_accept(d, 0, &accepted));
  CASE(__wasi_fd_renumber(d, 98));
  CASE(__wasi_fd_renumber(98, d));
  CASE(__wasi_fd_renumber(d, d));
}

int main(void) {
  on("stdin", 0, ROOT);
  on("stdout", 1, ROOT);
  on("pre-opened directory", ROOT, ROOT);
  CASE(mkdir_at("d"));
  CASE(open_at(ROOT, "d", DIRECTORY, DIR_RIGHTS, 0, 0));
  on("directory", fd, ROOT);
  CASE(open_at(ROOT, "file", CREAT, ALL_FILE, 0, 0));
  on("file", fd, ROOT);
  on("none", 99, ROOT);
  // Renumbering.
  CASE(open_at(ROOT, "one", CREAT, ALL_FILE, 0, 0));
  int one = fd;
  CASE(write_to(one, "one"));
  CASE(open_at(ROOT, "two", CREAT, ALL_FILE, 0, 0));
  int two = fd;
  CASE(write_to(two, "second"));
  CASE(__wasi_fd_renumber(one, two));
  CASE(__wasi_fd_fdstat_get(one, &fs));
  CASE(__wasi_fd_filestat_get(two, &st));
  VALUE("%llu", st.size);
  CASE(open_at(ROOT, "three", CREAT, ALL_FILE, 0, 0));
  VALUE("%d", fd == one);
  // Pre-opened directories.
  __wasi_prestat_t prestat;
  CASE(__wasi_fd_prestat_get(3, &prestat));
  VALUE("%d", prestat.tag);
  VALUE("%u", prestat.u.dir.pr_name_len);
  CASE(__wasi_fd_prestat_dir_name(3, (uint8_t *)buffer, 1));
  VALUE("%.1s", buffer);
  CASE(__wasi_fd_prestat_dir_name(3, (uint8_t *)buffer, 100));
  CASE(__wasi_fd_prestat_dir_name(3, (uint8_t *)buffer, 0));
  CASE(__wasi_fd_close(3));
  CASE(__wasi_fd_prestat_get(3, &prestat));
  CASE(stat_at("one", 0));
  return 0;
}
