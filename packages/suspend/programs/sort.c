// qsort with comparisons through the function table.
#include <stdio.h>
#include <stdlib.h>

typedef int (*compare)(const void *, const void *);
static int ascending(const void *x, const void *y) { return (*(int *)x > *(int *)y) - (*(int *)x < *(int *)y); }
static int descending(const void *x, const void *y) { return ascending(y, x); }
static int by_low_bits(const void *x, const void *y) {
  int a = *(int *)x & 1023, b = *(int *)y & 1023;
  return a != b ? a - b : ascending(x, y);
}
static compare volatile orders[] = {ascending, by_low_bits, descending};

int main(int argc, char **argv) {
  int n = argc > 1 ? atoi(argv[1]) : 100000;
  int *values = malloc(n * sizeof *values);
  unsigned seed = 1, sum = 0;
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < n; i++) values[i] = (seed = seed * 1664525 + 1013904223) >> 4;
    qsort(values, n, sizeof *values, orders[round]);
    for (int i = 0; i < n; i++) sum = sum * 31 + values[i];
    printf("%d %d %u\n", values[0], values[n - 1], sum);
  }
  return 0;
}
