// C++ exceptions: cleanups that run code of their own, rethrowing, nested handlers, several types.
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

static unsigned trace = 17;
static void note(unsigned what) {
  for (unsigned i = 0; i < (what & 7); i++) trace = trace * 33 + what + i;
}

struct Guard {
  unsigned id;
  explicit Guard(unsigned id) : id(id) { note(id); }
  ~Guard() { note(id + 100); }
};

static int risky(int depth, int kind) {
  Guard guard(depth);
  if (depth == 0) {
    switch (kind % 4) {
      case 0: throw std::runtime_error("deep " + std::to_string(kind));
      case 1: throw kind;
      case 2: throw std::string("text");
      default: return kind;
    }
  }
  try {
    Guard inner(depth + 50);
    return risky(depth - 1, kind) + 1;
  } catch (int value) {
    note(value);
    if (depth & 1) throw;
    return value * 2;
  } catch (...) {
    note(depth);
    throw;
  }
}

int main(int argc, char **argv) {
  int n = argc > 1 ? atoi(argv[1]) : 8;
  std::vector<std::string> lines;
  for (int i = 0; i < n; i++) {
    try {
      lines.push_back(std::to_string(risky(i % 5, i)));
    } catch (const std::exception &error) {
      lines.push_back(error.what());
      try {
        throw;
      } catch (const std::runtime_error &same) {
        note(lines.back().size());
      }
    } catch (const std::string &text) {
      lines.push_back(text);
    } catch (int value) {
      lines.push_back("int " + std::to_string(value));
    }
  }
  for (auto &line : lines) std::printf("%s\n", line.c_str());
  std::printf("%u\n", trace);
}
