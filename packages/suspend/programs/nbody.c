// Floating point in nested loops with small constant bounds: planets attracting each other.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { bodies = 5 };
static double position[bodies][3], velocity[bodies][3], mass[bodies];

static void step(double dt) {
  for (int i = 0; i < bodies; i++) {
    for (int j = i + 1; j < bodies; j++) {
      double d[3], squared = 0;
      for (int k = 0; k < 3; k++) {
        d[k] = position[i][k] - position[j][k];
        squared += d[k] * d[k];
      }
      double pull = dt / (squared * sqrt(squared));
      for (int k = 0; k < 3; k++) {
        velocity[i][k] -= d[k] * mass[j] * pull;
        velocity[j][k] += d[k] * mass[i] * pull;
      }
    }
  }
  for (int i = 0; i < bodies; i++)
    for (int k = 0; k < 3; k++) position[i][k] += dt * velocity[i][k];
}

static double energy(void) {
  double sum = 0;
  for (int i = 0; i < bodies; i++) {
    for (int k = 0; k < 3; k++) sum += 0.5 * mass[i] * velocity[i][k] * velocity[i][k];
    for (int j = i + 1; j < bodies; j++) {
      double squared = 0;
      for (int k = 0; k < 3; k++) {
        double d = position[i][k] - position[j][k];
        squared += d * d;
      }
      sum -= mass[i] * mass[j] / sqrt(squared);
    }
  }
  return sum;
}

int main(int argc, char **argv) {
  int steps = argc > 1 ? atoi(argv[1]) : 1000000;
  for (int i = 0; i < bodies; i++) {
    mass[i] = i == 0 ? 39.5 : 0.03 / i;
    for (int k = 0; k < 3; k++) {
      position[i][k] = i * (1.0 + 0.3 * k) * (k == 1 ? -1 : 1);
      velocity[i][k] = i == 0 ? 0 : (k == 0 ? 1.1 : 2.3 - k) / i;
    }
  }
  printf("%.12f\n", energy());
  for (int i = 0; i < steps; i++) step(0.001);
  printf("%.12f\n", energy());
  return 0;
}
