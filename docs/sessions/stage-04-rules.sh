#!/usr/bin/env bash
# Stage 04: a line drawn by three rules, and how many times each draws it.
# needs: g++
source "$SESSIONS/lib.sh"

run "cat > draw.cpp <<'END'
#include <unistd.h>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

// draw RULE SIZE: reads in pieces of 1000 bytes, as a client does.
int main(int, char* argv[]) {
  const std::string rule = argv[1];
  const double size = std::atof(argv[2]);
  double got = 0, drawn = 0;
  auto last = std::chrono::steady_clock::now();
  char piece[1000];
  for (ssize_t n; (n = read(STDIN_FILENO, piece, sizeof piece)) > 0;) {
    got += n;
    const auto now = std::chrono::steady_clock::now();
    const bool soon = now - last < std::chrono::milliseconds{100};
    if (rule == \"slice\" && got - drawn < size / 10000) continue;
    if (rule == \"time\" && got < size && soon) continue;
    std::fprintf(stderr, \"%6.2f%%\\r\", 100 * got / size);  // one write
    drawn = got;
    last = now;
  }
}
END"
run 'g++ -std=c++20 -O2 -o draw draw.cpp'
run 'seq 1 2000000 > numbers.txt'
vary '^time  (\d+)$' 3
run "for rule in train slice time; do
  printf '%-5s %d\\n' \$rule \$(./draw \$rule 14888896 < numbers.txt 2>&1 | tr -cd '\\r' | wc -c)
done"
