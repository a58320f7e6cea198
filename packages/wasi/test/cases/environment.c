#include "cases.h"

int main(int argc, char **argv) {
  VALUE("%d", argc);
  for (int i = 1; i < argc; i++) printf("argv[%d] = %s\n", i, argv[i]);
  VALUE("%s", getenv("PLAIN"));
  VALUE("%s", getenv("UNICODE"));
  VALUE("%s", getenv("EMPTY"));
  VALUE("%s", getenv("EQUALS"));
  VALUE("%d", getenv("NONE") == 0);
  size_t count, size;
  CASE(__wasi_args_sizes_get(&count, &size));
  VALUE("%zu", count);
  VALUE("%zu", size);
  CASE(__wasi_environ_sizes_get(&count, &size));
  VALUE("%zu", count);
  VALUE("%zu", size);
  __wasi_timestamp_t time, later;
  CASE(__wasi_clock_time_get(__WASI_CLOCKID_REALTIME, 1, &time));
  VALUE("%d", time > 1700000000000000000ULL && time < 4000000000000000000ULL);
  CASE(__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &time));
  int backwards = 0;
  for (int i = 0; i < 1000; i++) {
    __wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &later);
    backwards += later < time;
    time = later;
  }
  VALUE("%d", backwards);
  CASE(__wasi_clock_res_get(__WASI_CLOCKID_REALTIME, &time));
  VALUE("%d", time > 0 && time <= 1000000000);
  CASE(__wasi_clock_res_get(__WASI_CLOCKID_MONOTONIC, &time));
  VALUE("%d", time > 0 && time <= 1000000000);
  static uint8_t random[200000];
  CASE(__wasi_random_get(random, sizeof random));
  int zeros = 0, tail = 0;
  for (unsigned i = 0; i < sizeof random; i++) zeros += random[i] == 0;
  for (unsigned i = sizeof random - 64; i < sizeof random; i++) tail |= random[i];
  VALUE("%d", zeros > 300 && zeros < 2000);
  VALUE("%d", tail != 0);
  CASE(__wasi_random_get(random, 0));
  CASE(__wasi_sched_yield());
  fflush(stdout);
  __wasi_proc_exit(33);
}
