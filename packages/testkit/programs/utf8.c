// Writes text of one to four bytes a character to both streams, a byte at a time, so that characters are split.
#include <stdio.h>
#include <unistd.h>

static void dribble(int fd, const char *text) {
  for (; *text; text++) write(fd, text, 1);
}

int main(void) {
  dribble(STDOUT_FILENO, "plain, gr\xc3\xbc\xc3\x9f" "e, \xe2\x98\x83 snowman, \xe6\xb0\xb4\xe9\xb3\xa5, \xf0\x9f\xa6\x86 duck\n");
  dribble(STDERR_FILENO, "\xd1\x83\xd1\x82\xd0\xba\xd0\xb0 \xf0\x9f\xa6\x86\n");
  return 0;
}
