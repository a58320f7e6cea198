// Values outside the specification's enumerations. wasmtime ends the program for them; we answer `inval`, as it is
// written for flags and clocks, so these cases have no reference.
#include "cases.h"

static __wasi_subscription_t sub;
static __wasi_event_t event;

static __wasi_errno_t poll_clock(uint32_t id) {
  memset(&sub, 0, sizeof sub);
  sub.u.tag = __WASI_EVENTTYPE_CLOCK;
  sub.u.u.clock.id = id;
  return __wasi_poll_oneoff(&sub, &event, 1, &moved);
}
static __wasi_errno_t poll_type(int type) {
  memset(&sub, 0, sizeof sub);
  sub.u.tag = type;
  return __wasi_poll_oneoff(&sub, &event, 1, &moved);
}

int32_t raise_signal(int32_t signal)
    __attribute__((__import_module__("wasi_snapshot_preview1"), __import_name__("proc_raise")));
enum { NONE = 0, TERM = 15, CHLD = 16, STOP = 18 };

int main(void) {
  __wasi_timestamp_t time;
  CASE(make_file("file", "hello"));
  CASE(make_file("new", "hello"));
  CASE(symlink_at("file", "link"));
  CASE(open_at(ROOT, "file", 0, ALL_FILE, 0, 0));
  int f = fd;
  CASE(stat_at("file", 2));
  CASE(__wasi_path_link(ROOT, 2, "link", ROOT, "flags"));
  CASE(open_at(ROOT, "new", 0, ALL_FILE, 0, 2));
  CASE(open_at(ROOT, "new", 16, ALL_FILE, 0, 0));
  CASE(__wasi_fd_fdstat_set_flags(fd, 1 << 5));
  CASE(__wasi_fd_seek(f, 0, 3, &where));
  CASE(__wasi_fd_advise(f, 0, 10, 6));
  CASE(__wasi_fd_filestat_set_times(f, 5, 6, 16));
  CASE(__wasi_clock_time_get(7, 1, &time));
  CASE(__wasi_clock_res_get(7, &time));
  CASE(poll_clock(9));
  VALUE("%s", ERRNO[event.error]);
  CASE(poll_type(3));
  CASE(raise_signal(NONE));
  CASE(raise_signal(CHLD));
  CASE(raise_signal(STOP));
  CASE(raise_signal(200));
  fflush(stdout);
  raise_signal(TERM);
}
