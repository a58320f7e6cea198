// A stack machine: one loop around one br_table.
#include <stdio.h>
#include <stdlib.h>

enum { HALT, PUSH, LOAD, STORE, ADD, SUB, MUL, XOR, SHIFT, JUMP_IF, DUP, SWAP };

static const int program[] = {
    PUSH, 1, STORE, 0, PUSH, 0,  STORE, 1,                                  // x = 1, i = 0
    LOAD, 0, LOAD,  1, MUL,  LOAD, 0,    XOR,  PUSH, 13, ADD,  STORE, 0,    // 8: x = (x * i ^ x) + 13
    LOAD, 0, DUP,   DUP,     SHIFT, XOR, STORE, 0,                          // x ^= x >> (x & 7)
    LOAD, 1, PUSH,  1, ADD,  DUP,  STORE, 1,    LOAD, 2, SUB, JUMP_IF, 8,   // while (++i != n)
    HALT};

static int run(int n) {
  int stack[32], top = 0, at = 0, memory[4] = {0, 0, n, 0};
  for (;;) {
    switch (program[at++]) {
      case HALT: return memory[0];
      case PUSH: stack[top++] = program[at++]; break;
      case LOAD: stack[top++] = memory[program[at++]]; break;
      case STORE: memory[program[at++]] = stack[--top]; break;
      case ADD: top--; stack[top - 1] += (unsigned)stack[top]; break;
      case SUB: top--; stack[top - 1] -= (unsigned)stack[top]; break;
      case MUL: top--; stack[top - 1] = (unsigned)stack[top - 1] * stack[top]; break;
      case XOR: top--; stack[top - 1] ^= stack[top]; break;
      case SHIFT: top--; stack[top - 1] = (unsigned)stack[top - 1] >> (stack[top] & 7); break;
      case JUMP_IF: { int to = program[at++]; if (stack[--top]) at = to; break; }
      case DUP: stack[top] = stack[top - 1]; top++; break;
      case SWAP: { int t = stack[top - 1]; stack[top - 1] = stack[top - 2]; stack[top - 2] = t; break; }
    }
  }
}

int main(int argc, char **argv) {
  printf("%d\n", run(argc > 1 ? atoi(argv[1]) : 1000000));
  return 0;
}
