// Says hello and exits with 0.
#include <stdio.h>

int main(void) {
  puts("hello from wigeon");
  return 0;
}
