// Binary trees: allocation and recursion.
#include <stdio.h>
#include <stdlib.h>

struct node { struct node *left, *right; };

static struct node *grow(int depth) {
  struct node *node = malloc(sizeof *node);
  node->left = depth > 0 ? grow(depth - 1) : NULL;
  node->right = depth > 0 ? grow(depth - 1) : NULL;
  return node;
}
static int count(struct node *node) { return node ? 1 + count(node->left) + count(node->right) : 0; }
static void fell(struct node *node) {
  if (!node) return;
  fell(node->left);
  fell(node->right);
  free(node);
}

int main(int argc, char **argv) {
  int most = argc > 1 ? atoi(argv[1]) : 14;
  struct node *kept = grow(most);
  for (int depth = 4; depth <= most; depth += 4) {
    int rounds = 1 << (most - depth), sum = 0;
    for (int i = 0; i < rounds; i++) {
      struct node *tree = grow(depth);
      sum += count(tree);
      fell(tree);
    }
    printf("%d trees of depth %d: %d\n", rounds, depth, sum);
  }
  printf("kept: %d\n", count(kept));
  fell(kept);
  return 0;
}
