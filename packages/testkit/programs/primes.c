// primes LIMIT: sieves the primes below LIMIT and prints how many there are, the last one and their sum.
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  unsigned limit = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000000;
  unsigned char *composite = calloc(limit ? limit : 1, 1);
  if (!composite) {
    fprintf(stderr, "no memory for %u numbers\n", limit);
    return 1;
  }
  unsigned count = 0, last = 0;
  unsigned long long sum = 0;
  for (unsigned number = 2; number < limit; number++) {
    if (composite[number]) continue;
    count++;
    last = number;
    sum += number;
    for (unsigned long long at = (unsigned long long)number * number; at < limit; at += number) composite[at] = 1;
  }
  printf("%u primes below %u, last %u, sum %llu\n", count, limit, last, sum);
  return 0;
}
