// binary-bytes [TIMES]: writes all 256 byte values in order to stdout, TIMES times, without a newline at the end.
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  long times = argc > 1 ? atol(argv[1]) : 1;
  while (times-- > 0)
    for (int byte = 0; byte < 256; byte++) putchar(byte);
  return 0;
}
