#!/usr/bin/env bash
# Stage 04: standard output on a terminal is buffered to the end of a line, and \r is none.
# needs: script g++ strace
source "$SESSIONS/lib.sh"

run "cat > bar.cpp <<'END'
#include <cstdio>

int main(int argc, char**) {
  for (int percent = 0; percent <= 100; percent += 50) {
    std::printf(\"%3d%%\\r\", percent);
    if (argc > 1) std::fflush(stdout);
  }
}
END"
run 'g++ -o bar bar.cpp'
run "script -qec 'strace -qq -o calls -e trace=write ./bar' /dev/null > /dev/null; cat calls"
run "script -qec 'strace -qq -o calls -e trace=write ./bar flush' /dev/null > /dev/null; cat calls"
