// Recursion as deep as asked, with a value in every frame.
#include <stdio.h>
#include <stdlib.h>

static unsigned descend(unsigned depth, unsigned seed) {
  if (depth == 0) return seed;
  volatile unsigned own = seed * 1664525 + depth;
  return descend(depth - 1, own) ^ own;
}

int main(int argc, char **argv) {
  printf("%u\n", descend(argc > 1 ? atoi(argv[1]) : 1000, 7));
  return 0;
}
