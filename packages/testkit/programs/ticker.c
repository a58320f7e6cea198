// ticker MS COUNT [busy]: prints "tick N" COUNT times (0: for ever), MS milliseconds apart, and flushes each. It waits
// for the clock, or with "busy" computes until the clock has moved on.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int main(int argc, char **argv) {
  long ms = argc > 1 ? atol(argv[1]) : 100;
  long count = argc > 2 ? atol(argv[2]) : 10;
  int busy = argc > 3 && strcmp(argv[3], "busy") == 0;
  for (long tick = 1; count == 0 || tick <= count; tick++) {
    printf("tick %ld\n", tick);
    fflush(stdout);
    if (tick == count) break;
    if (busy) {
      for (long long end = now() + ms * 1000000LL; now() < end;)
        for (volatile int work = 0; work < 10000; work++) {
        }
    } else {
      struct timespec wait = {ms / 1000, ms % 1000 * 1000000L};
      nanosleep(&wait, NULL);
    }
  }
  return 0;
}
