// Dumps its arguments and its environment, byte exact: a line each, with the length before the bytes.
#include <stdio.h>
#include <string.h>

extern char **environ;

static void dump(const char *kind, const char *bytes) {
  printf("%s %zu %s\n", kind, strlen(bytes), bytes);
}

int main(int argc, char **argv) {
  for (int at = 0; at < argc; at++) dump("arg", argv[at]);
  for (char **at = environ; *at; at++) dump("env", *at);
  return 0;
}
