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

int main(int, char* argv[]) { // draw RULE SIZE: reads SIZE bytes in pieces of 1000, as a client does
  const std::string rule = argv[1];
  const double size = std::atof(argv[2]);
  double got = 0, drawn = 0;
  auto last = std::chrono::steady_clock::now();
  char piece[1000];
  for (ssize_t n; (n = read(STDIN_FILENO, piece, sizeof piece)) > 0;) {
    got += n;
    const auto now = std::chrono::steady_clock::now();
    if (rule == \"slice\" && got - drawn < size / 10000) continue; // once for each 1/10000 of the file
    if (rule == \"time\" && got < size && now - last < std::chrono::milliseconds{100}) continue;
    std::fprintf(stderr, \"%6.2f%%\\r\", 100 * got / size); // one write each: stderr has no buffer
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
