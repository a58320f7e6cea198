// Matrix product: counted loops over memory, one call of one function.
#include <stdio.h>
#include <stdlib.h>

#ifndef SIZE
#define SIZE 256
#endif
enum { size = SIZE };
static double a[size][size], b[size][size], c[size][size];

int main(int argc, char **argv) {
  int rounds = argc > 1 ? atoi(argv[1]) : 4;
  for (int i = 0; i < size; i++)
    for (int j = 0; j < size; j++) {
      a[i][j] = (i * j % 7) / 7.0;
      b[i][j] = (i * (j + 1) % 11) / 11.0;
    }
  for (int round = 0; round < rounds; round++)
    for (int i = 0; i < size; i++) {
      for (int j = 0; j < size; j++) c[i][j] *= 0.5;
      for (int k = 0; k < size; k++)
        for (int j = 0; j < size; j++) c[i][j] += 1.5 * a[i][k] * b[k][j];
    }
  double trace = 0;
  for (int i = 0; i < size; i++) trace += c[i][i] + c[i][size - 1 - i];
  printf("%.9f\n", trace);
  return 0;
}
