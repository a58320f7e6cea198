// trap KIND: prints a line to each stream, then traps: unreachable, divide, bounds, stack (too deep recursion),
// indirect (a call through a pointer to a function of another type).
#include <stdio.h>
#include <string.h>

static volatile int zero = 0;

__attribute__((noinline)) static int deep(volatile int *outer) {
  volatile int frame[16] = {0};
  frame[0] = *outer + 1;
  return deep(frame) + frame[0];
}

static int number(int value) { return value; }

int main(int argc, char **argv) {
  const char *kind = argc > 1 ? argv[1] : "unreachable";
  printf("about to trap: %s\n", kind);
  fprintf(stderr, "last words\n");
  fflush(stdout);
  if (strcmp(kind, "unreachable") == 0) __builtin_trap();
  if (strcmp(kind, "divide") == 0) return argc * 100 / zero;
  if (strcmp(kind, "bounds") == 0) return *(volatile int *)0xfffffff0u;
  if (strcmp(kind, "stack") == 0) return deep((volatile int *)&zero);
  if (strcmp(kind, "indirect") == 0) {
    void (*volatile wrong)(double, double) = (void (*)(double, double))(void *)number;
    wrong(1, 2);
  }
  fprintf(stderr, "unknown kind of trap: %s\n", kind);
  return 2;
}
