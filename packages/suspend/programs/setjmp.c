// setjmp and longjmp, which LLVM makes of exceptions.
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

static jmp_buf targets[4];
static unsigned sum;

static void descend(int depth, int level) {
  for (int i = 0; i < depth; i++) sum = sum * 31 + i;
  if (depth == 0) longjmp(targets[level & 3], level + 1);
  descend(depth - 1, level);
  sum ^= depth;
}

static int climb(int level, int depth) {
  volatile int returns = 0;
  int came = setjmp(targets[level & 3]);
  returns++;
  if (came == 0) descend(depth, level);
  if (level > 0) came += climb(level - 1, depth + 1);
  return came * 10 + returns;
}

int main(int argc, char **argv) {
  int n = argc > 1 ? atoi(argv[1]) : 10, total = 0;
  for (int i = 0; i < n; i++) total += climb(i & 3, i % 7);
  printf("%d %u\n", total, sum);
  return 0;
}
