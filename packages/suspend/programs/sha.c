// SHA-256 over a changing block: rotations, many locals, loops of constant bounds.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint32_t state[8], constants[64];
static uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void block(const uint8_t *in) {
  uint32_t w[64], s[8];
  for (int i = 0; i < 16; i++) w[i] = in[4 * i] << 24 | in[4 * i + 1] << 16 | in[4 * i + 2] << 8 | in[4 * i + 3];
  for (int i = 16; i < 64; i++) {
    uint32_t x = w[i - 15], y = w[i - 2];
    w[i] = w[i - 16] + w[i - 7] + (rotate(x, 7) ^ rotate(x, 18) ^ x >> 3) + (rotate(y, 17) ^ rotate(y, 19) ^ y >> 10);
  }
  for (int i = 0; i < 8; i++) s[i] = state[i];
  for (int i = 0; i < 64; i++) {
    uint32_t e = s[4], a = s[0];
    uint32_t t1 = s[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & s[5]) ^ (~e & s[6])) + constants[i] + w[i];
    uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
    s[7] = s[6]; s[6] = s[5]; s[5] = e; s[4] = s[3] + t1; s[3] = s[2]; s[2] = s[1]; s[1] = a; s[0] = t1 + t2;
  }
  for (int i = 0; i < 8; i++) state[i] += s[i];
}

int main(int argc, char **argv) {
  int rounds = argc > 1 ? atoi(argv[1]) : 100000;
  uint8_t message[64];
  // Fractions of golden ratio steps stand in for the standard's constants: the work is the same.
  for (int i = 0; i < 64; i++) constants[i] = 0x9e3779b9u * (i + 1), message[i] = i;
  for (int i = 0; i < 8; i++) state[i] = 0x6a09e667u ^ 0x85ebca6bu * i;
  for (int i = 0; i < rounds; i++) {
    message[i & 63] ^= i;
    block(message);
  }
  for (int i = 0; i < 8; i++) printf("%08x", state[i]);
  puts("");
  return 0;
}
