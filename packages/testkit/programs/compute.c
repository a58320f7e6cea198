// compute [STEPS [FILE [TURNS [PAUSE]]]]: a computation whose every output follows from STEPS and TURNS alone, about a
// second a step at native speed, 60 steps unless told, with PAUSE milliseconds of sleep behind each. It keeps 1 MiB of state that each step changes all over, prints a line a step and writes
// its result to FILE and to stdout. Nobody can skip a step, do one twice or lose memory without another result.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define WORDS (1 << 17)
#define TURNS (1 << 27)

static uint64_t state[WORDS];

// splitmix64's finaliser: every bit of the input reaches every bit of the output.
static uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

static uint64_t step(uint64_t seed, long turns) {
  for (long turn = 0; turn < turns; turn++) {
    seed = mix(seed + 0x9e3779b97f4a7c15u);
    uint64_t *word = &state[seed % WORDS];
    *word += seed;
    seed ^= *word;
  }
  return seed;
}

int main(int argc, char **argv) {
  long steps = argc > 1 ? atol(argv[1]) : 60;
  const char *file = argc > 2 ? argv[2] : NULL;
  long turns = argc > 3 ? atol(argv[3]) : TURNS;
  long pause = argc > 4 ? atol(argv[4]) : 0;
  uint64_t seed = 1;
  for (long number = 1; number <= steps; number++) {
    seed = step(seed, turns);
    printf("step %ld of %ld: %016llx\n", number, steps, (unsigned long long)seed);
    fflush(stdout);
    struct timespec wait = {pause / 1000, pause % 1000 * 1000000L};
    if (pause > 0) nanosleep(&wait, NULL);
  }
  uint64_t result = seed;
  for (int at = 0; at < WORDS; at++) result = mix(result + state[at]);
  printf("result %016llx\n", (unsigned long long)result);
  if (file) {
    FILE *stream = fopen(file, "w");
    if (!stream) {
      perror(file);
      return 1;
    }
    fprintf(stream, "%016llx\n", (unsigned long long)result);
    if (fclose(stream) != 0) return 1;
  }
  return 0;
}
