#include "cases.h"
#include <poll.h>
#include <sys/select.h>
#include <time.h>

static __wasi_subscription_t subs[8];
static __wasi_event_t events[8];

static void clock_sub(int i, uint32_t id, uint64_t timeout, int flags) {
  memset(&subs[i], 0, sizeof subs[i]);
  subs[i].userdata = 100 + i;
  subs[i].u.tag = __WASI_EVENTTYPE_CLOCK;
  subs[i].u.u.clock.id = id;
  subs[i].u.u.clock.timeout = timeout;
  subs[i].u.u.clock.flags = flags;
}
static void fd_sub(int i, int tag, int d) {
  memset(&subs[i], 0, sizeof subs[i]);
  subs[i].userdata = 100 + i;
  subs[i].u.tag = tag;
  subs[i].u.u.fd_read.file_descriptor = d;
}
#define ABSTIME __WASI_SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME
#define POLL(n) __wasi_poll_oneoff(subs, events, n, &moved)
#define EVENT(i)                                                                                                       \
  printf("events[%d]: %llu %s %d\n", i, events[i].userdata - 100, ERRNO[events[i].error], events[i].type)

static uint64_t now(uint32_t id) {
  __wasi_timestamp_t t;
  __wasi_clock_time_get(id, 1, &t);
  return t;
}
/** Whether `ms` have gone since `start`, and not many more. */
static const char *elapsed(uint64_t start, uint64_t ms) {
  uint64_t took = now(__WASI_CLOCKID_MONOTONIC) - start;
  return took + 2000000 < ms * 1000000 ? "too early" : took > (ms + 2000) * 1000000 ? "too late" : "in time";
}

int main(void) {
  CASE(POLL(0));
  uint64_t start = now(__WASI_CLOCKID_MONOTONIC);
  clock_sub(0, __WASI_CLOCKID_MONOTONIC, 50000000, 0);
  CASE(POLL(1));
  VALUE("%u", moved);
  EVENT(0);
  VALUE("%s", elapsed(start, 50));
  start = now(__WASI_CLOCKID_MONOTONIC);
  clock_sub(0, __WASI_CLOCKID_REALTIME, 50000000, 0);
  CASE(POLL(1));
  EVENT(0);
  VALUE("%s", elapsed(start, 50));
  start = now(__WASI_CLOCKID_MONOTONIC);
  clock_sub(0, __WASI_CLOCKID_MONOTONIC, start + 50000000, ABSTIME);
  CASE(POLL(1));
  EVENT(0);
  VALUE("%s", elapsed(start, 50));
  start = now(__WASI_CLOCKID_MONOTONIC);
  clock_sub(0, __WASI_CLOCKID_REALTIME, now(__WASI_CLOCKID_REALTIME) + 50000000, ABSTIME);
  CASE(POLL(1));
  EVENT(0);
  VALUE("%s", elapsed(start, 50));
  start = now(__WASI_CLOCKID_MONOTONIC);
  clock_sub(0, __WASI_CLOCKID_MONOTONIC, 1, ABSTIME);
  CASE(POLL(1));
  VALUE("%s", elapsed(start, 0));
  clock_sub(0, __WASI_CLOCKID_MONOTONIC, 0, 0);
  CASE(POLL(1));
  VALUE("%u", moved);
  // The earliest of several clocks, and only that one.
  start = now(__WASI_CLOCKID_MONOTONIC);
  clock_sub(0, __WASI_CLOCKID_MONOTONIC, 10000000000ULL, 0);
  clock_sub(1, __WASI_CLOCKID_MONOTONIC, 30000000, 0);
  clock_sub(2, __WASI_CLOCKID_REALTIME, 20000000000ULL, 0);
  CASE(POLL(3));
  VALUE("%u", moved);
  EVENT(0);
  VALUE("%s", elapsed(start, 30));
  // Descriptors beside a clock that is far away.
  fd_sub(1, __WASI_EVENTTYPE_FD_WRITE, 1);
  start = now(__WASI_CLOCKID_MONOTONIC);
  CASE(POLL(2));
  VALUE("%u", moved);
  EVENT(0);
  VALUE("%s", elapsed(start, 0));
  CASE(make_file("file", "0123456789"));
  CASE(open_at(ROOT, "file", 0, ALL_FILE, 0, 0));
  fd_sub(1, __WASI_EVENTTYPE_FD_READ, fd);
  fd_sub(2, __WASI_EVENTTYPE_FD_WRITE, fd);
  CASE(POLL(3));
  VALUE("%u", moved);
  EVENT(0);
  EVENT(1);
  VALUE("%llu", events[0].fd_readwrite.nbytes);
  // stdin is at its end: ready.
  fd_sub(1, __WASI_EVENTTYPE_FD_READ, 0);
  CASE(POLL(2));
  VALUE("%u", moved);
  EVENT(0);
  fd_sub(0, __WASI_EVENTTYPE_FD_READ, 99);
  CASE(POLL(1));
  fd_sub(0, __WASI_EVENTTYPE_FD_WRITE, 99);
  CASE(POLL(1));
  clock_sub(0, __WASI_CLOCKID_PROCESS_CPUTIME_ID, 1, 0);
  CASE(POLL(1));
  // Through the C library.
  start = now(__WASI_CLOCKID_MONOTONIC);
  struct timespec pause = {0, 40000000};
  VALUE("%d", nanosleep(&pause, 0));
  VALUE("%s", elapsed(start, 40));
  struct pollfd polled[2] = {{1, POLLOUT, 0}, {fd, POLLIN | POLLOUT, 0}};
  VALUE("%d", poll(polled, 2, 10000));
  VALUE("%d", polled[0].revents & POLLOUT ? 1 : 0);
  VALUE("%d", polled[1].revents & POLLIN ? 1 : 0);
  fd_set reads, writes;
  FD_ZERO(&reads);
  FD_ZERO(&writes);
  FD_SET(0, &reads);
  FD_SET(1, &writes);
  struct timeval limit = {10, 0};
  VALUE("%d", select(2, &reads, &writes, 0, &limit));
  VALUE("%d", FD_ISSET(0, &reads) ? 1 : 0);
  start = now(__WASI_CLOCKID_MONOTONIC);
  struct timeval brief = {0, 30000};
  VALUE("%d", select(0, 0, 0, 0, &brief));
  VALUE("%s", elapsed(start, 30));
  return 0;
}
