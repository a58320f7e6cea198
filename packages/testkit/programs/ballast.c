// ballast MEGABYTES TICKS: fills that many megabytes of memory with numbers that do not compress, then prints "tick N"
// every 100 ms, TICKS times, changing a page at each. For measuring what it costs to move a program of a given size.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(int argc, char **argv) {
  size_t words = (argc > 1 ? (size_t)atol(argv[1]) : 1) * (1 << 20) / 8;
  long ticks = argc > 2 ? atol(argv[2]) : 100;
  uint64_t *memory = malloc(words * 8);
  if (!memory) return 1;
  uint64_t number = 88172645463325252u;
  for (size_t at = 0; at < words; at++) {
    number ^= number << 13;
    number ^= number >> 7;
    number ^= number << 17;
    memory[at] = number;
  }
  for (long tick = 1; tick <= ticks; tick++) {
    memory[(size_t)tick * 512 % words]++;
    printf("tick %ld\n", tick);
    fflush(stdout);
    struct timespec wait = {0, 100000000L};
    nanosleep(&wait, NULL);
  }
  return 0;
}
