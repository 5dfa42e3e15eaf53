#!/usr/bin/env bash
# Stage 04: what becomes of 3 GiB in 32 bits, signed, and of a comparison with it.
# needs: g++
source "$SESSIONS/lib.sh"

run "cat > sign.cpp <<'END'
#include <cstdint>
#include <cstdio>

int main() {
  const std::uint64_t announced = 3221225472;  // 3 GiB
  const int size = static_cast<int>(announced);
  const int received = 0;
  const std::uint64_t counted = 0;
  std::printf(\"size %d\\n\", size);
  std::printf(\"int:    received >= size is %s\\n\", received >= size ? \"true\" : \"false\");
  std::printf(\"64 bit: counted  >= size is %s\\n\", counted >= size ? \"true\" : \"false\");
}
END"
run 'g++ -std=c++20 -Wextra -o sign sign.cpp 2>&1 | grep -o "\[-W.*\]"'
run './sign'
