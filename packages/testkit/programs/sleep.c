// sleep MS: one wait for the clock; prints a line before and after it.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(int argc, char **argv) {
  long ms = argc > 1 ? atol(argv[1]) : 1000;
  printf("sleeping %ld ms\n", ms);
  fflush(stdout);
  struct timespec wait = {ms / 1000, ms % 1000 * 1000000L};
  nanosleep(&wait, NULL);
  puts("slept");
  return 0;
}
