#include "cases.h"

static int listing;
/** Reads the whole directory with a buffer of this size and prints how many names came, each once. */
static int list(uint32_t size) {
  static uint8_t entries[70000];
  uint64_t cookie = 0;
  int count = 0;
  for (;;) {
    if (__wasi_fd_readdir(listing, entries, size, cookie, &moved)) return -1;
    uint32_t at = 0;
    while (at + sizeof(__wasi_dirent_t) <= moved) {
      __wasi_dirent_t entry;
      memcpy(&entry, entries + at, sizeof entry);
      if (at + sizeof entry + entry.d_namlen > moved) break;
      at += sizeof entry + entry.d_namlen;
      cookie = entry.d_next;
      count++;
    }
    if (moved < size) return count;
    if (at == 0) return -2;
  }
}

int main(void) {
  CASE(mkdir_at("empty"));
  CASE(open_at(ROOT, "empty", DIRECTORY, DIR_RIGHTS, 0, 0));
  listing = fd;
  VALUE("%d", list(4096));
  VALUE("%d", list(64));
  CASE(__wasi_fd_readdir(listing, (uint8_t *)buffer, 10, 0, &moved));
  VALUE("%u", moved);
  CASE(__wasi_fd_readdir(listing, (uint8_t *)buffer, 0, 0, &moved));
  VALUE("%u", moved);
  CASE(__wasi_fd_readdir(listing, (uint8_t *)buffer, 4096, 12345678, &moved));
  VALUE("%u", moved);
  CASE(mkdir_at("full"));
  CASE(open_at(ROOT, "full", DIRECTORY, DIR_RIGHTS, 0, 0));
  listing = fd;
  char name[40];
  int failed = 0;
  for (int i = 0; i < 300; i++) {
    snprintf(name, sizeof name, "full/file-%d", i);
    failed += make_file(name, "") != 0;
  }
  VALUE("%d", failed);
  VALUE("%d", list(4096));
  VALUE("%d", list(100));
  VALUE("%d", list(65536));
  CASE(mkdir_at("full/dir"));
  CASE(symlink_at("nowhere", "full/link"));
  VALUE("%d", list(4096));
  // The kinds and numbers in the entries.
  uint64_t cookie = 0;
  int kinds[8] = {0}, dots = 0;
  for (;;) {
    __wasi_dirent_t entry;
    if (__wasi_fd_readdir(listing, (uint8_t *)buffer, sizeof entry + 30, cookie, &moved) || moved < sizeof entry) break;
    memcpy(&entry, buffer, sizeof entry);
    const char *text = buffer + sizeof entry;
    if ((entry.d_namlen == 1 && text[0] == '.') || (entry.d_namlen == 2 && !memcmp(text, "..", 2))) dots++;
    else {
      snprintf(name, sizeof name, "full/%.*s", (int)entry.d_namlen, text);
      if (stat_at(name, 0) == 0 && st.ino == entry.d_ino && st.filetype == entry.d_type) kinds[entry.d_type]++;
    }
    cookie = entry.d_next;
  }
  VALUE("%d", dots);
  VALUE("%d", kinds[__WASI_FILETYPE_REGULAR_FILE]);
  VALUE("%d", kinds[__WASI_FILETYPE_DIRECTORY]);
  VALUE("%d", kinds[__WASI_FILETYPE_SYMBOLIC_LINK]);
  return 0;
}
