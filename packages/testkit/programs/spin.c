// Says that it starts, then computes in an endless loop and never calls its host again.
#include <stdio.h>

int main(void) {
  puts("spinning");
  fflush(stdout);
  for (volatile unsigned turns = 0;; turns++) {
  }
}
