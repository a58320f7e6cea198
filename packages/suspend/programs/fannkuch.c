// Permutations and flips: short inner loops without calls, of shapes that are hard to count.
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  int n = argc > 1 ? atoi(argv[1]) : 9;
  int order[16], work[16], count[16], checksum = 0, most = 0, parity = 0, r = n;
  for (int i = 0; i < n; i++) order[i] = i;
  for (;;) {
    for (; r > 1; r--) count[r - 1] = r;
    for (int i = 0; i < n; i++) work[i] = order[i];
    int flips = 0;
    for (int first = work[0]; first != 0; first = work[0]) {
      for (int low = 0, high = first; low < high; low++, high--) {
        int t = work[low];
        work[low] = work[high];
        work[high] = t;
      }
      flips++;
    }
    if (flips > most) most = flips;
    checksum += parity ? -flips : flips;
    for (;; r++) {
      if (r == n) {
        printf("%d\nflips of %d: %d\n", checksum, n, most);
        return 0;
      }
      int first = order[0];
      for (int i = 0; i < r; i++) order[i] = order[i + 1];
      order[r] = first;
      if (--count[r] > 0) break;
    }
    parity ^= 1;
  }
}
