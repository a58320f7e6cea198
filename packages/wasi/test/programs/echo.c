// Waits for stdin with poll, with a timeout that must not matter, and prints what comes until the end.
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  char buffer[100];
  for (;;) {
    struct pollfd polled = {0, POLLIN, 0};
    if (poll(&polled, 1, 20000) != 1) return 2;
    ssize_t count = read(0, buffer, sizeof buffer);
    if (count < 0) return 3;
    if (count == 0) break;
    printf("got %.*s", (int)count, buffer);
    fflush(stdout);
  }
  printf("end\n");
  return 0;
}
