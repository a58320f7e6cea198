// Times groups of WASI calls from inside, and prints one line each: name, count, nanoseconds.
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static unsigned long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ULL + t.tv_nsec;
}
static unsigned long long started;
static void begin(void) { started = now(); }
static void report(const char *name, long count) {
  printf("%s %ld %llu\n", name, count, now() - started);
  fflush(stdout);
}

int main(int argc, char **argv) {
  int megabytes = argc > 1 ? atoi(argv[1]) : 64;
  int files = argc > 2 ? atoi(argv[2]) : 2000;
  long writes = argc > 3 ? atol(argv[3]) : 300000;
  static char block[4096];
  memset(block, 'x', sizeof block);
  long blocks = megabytes * 256L;
  static char *copy;

  copy = malloc(megabytes * 1048576L);
  memset(copy, 0, megabytes * 1048576L);
  begin();
  for (long i = 0; i < blocks; i++) memcpy(copy + i * 4096, block, 4096);
  report("copy-4k", blocks);
  free(copy);

  int fd = open("big", O_CREAT | O_RDWR | O_TRUNC, 0644);
  begin();
  for (long i = 0; i < blocks; i++)
    if (write(fd, block, sizeof block) != sizeof block) return 2;
  report("append-4k", blocks);
  lseek(fd, 0, SEEK_SET);
  begin();
  for (long i = 0; i < blocks; i++)
    if (read(fd, block, sizeof block) != sizeof block) return 3;
  report("read-4k", blocks);
  begin();
  for (long i = 0; i < blocks; i++)
    if (pread(fd, block, 64, (i * 7919L % blocks) * 4096) != 64) return 4;
  report("pread-64", blocks);
  close(fd);
  unlink("big");

  fd = open("small", O_CREAT | O_RDWR | O_TRUNC, 0644);
  const long calls = 300000;
  begin();
  for (long i = 0; i < calls; i++) lseek(fd, i & 1023, SEEK_SET);
  report("seek", calls);
  begin();
  for (long i = 0; i < calls; i++) now();
  report("clock", calls);
  begin();
  lseek(fd, 0, SEEK_SET);
  for (long i = 0; i < writes; i++)
    if (write(fd, "0123456789", 10) != 10) return 5;
  report("write-10", writes);
  close(fd);
  struct stat st;
  mkdir("a", 0755);
  mkdir("a/b", 0755);
  rename("small", "a/b/small");
  begin();
  for (long i = 0; i < calls / 10; i++)
    if (stat("a/b/small", &st)) return 6;
  report("stat", calls / 10);
  begin();
  for (long i = 0; i < calls / 10; i++) {
    fd = open("a/b/small", O_RDONLY);
    if (fd < 0) return 7;
    close(fd);
  }
  report("open-close", calls / 10);

  mkdir("many", 0755);
  char name[64];
  begin();
  for (int i = 0; i < files; i++) {
    snprintf(name, sizeof name, "many/file-%d", i);
    fd = open(name, O_CREAT | O_WRONLY, 0644);
    if (fd < 0) return 8;
    close(fd);
  }
  report("create", files);
  begin();
  int seen = 0;
  DIR *dir = opendir("many");
  while (readdir(dir)) seen++;
  closedir(dir);
  report("readdir", files);
  if (seen < files) return 9;
  begin();
  for (int i = 0; i < files; i++) {
    snprintf(name, sizeof name, "many/file-%d", i);
    if (unlink(name)) return 10;
  }
  report("unlink", files);
  return 0;
}
