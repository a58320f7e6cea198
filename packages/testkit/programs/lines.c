// lines OUT [ERR]: writes exactly OUT bytes of numbered lines to stdout and ERR bytes to stderr, by turns. Every line is
// 32 bytes ("out 00000000 aaaaaaaaaaaaaaaaaa\n"); the last one is cut where the count ends, so it may lack its newline.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE 32

static long line(FILE *stream, const char *name, long number, long left) {
  char text[LINE + 1];
  int head = sprintf(text, "%s %08ld ", name, number);
  memset(text + head, 'a' + number % 26, LINE - 1 - head);
  text[LINE - 1] = '\n';
  long count = left < LINE ? left : LINE;
  fwrite(text, 1, count, stream);
  return left - count;
}

int main(int argc, char **argv) {
  long out = argc > 1 ? atol(argv[1]) : 1024;
  long err = argc > 2 ? atol(argv[2]) : 0;
  for (long number = 0; out > 0 || err > 0; number++) {
    if (out > 0) out = line(stdout, "out", number, out);
    if (err > 0) err = line(stderr, "err", number, err);
  }
  return 0;
}
