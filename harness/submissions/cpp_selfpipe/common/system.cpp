#include "system.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>

// After an error of close(2) the descriptor is gone all the same, and nobody could do anything about it.
Fd::~Fd() {
  if (number_ >= 0) ::close(number_);
}

Pipe make_pipe(int flags) {
  std::array<int, 2> ends{};
  must("pipe2", ::pipe2(ends.data(), flags | O_CLOEXEC));
  return {Fd{ends[0]}, Fd{ends[1]}};
}

std::string shown(std::string_view name) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string result;
  for (const char each : name) {
    const auto byte = static_cast<unsigned char>(each);
    if (byte >= 0x20 && byte != 0x7f)
      result += each;
    else
      result.append("\\x").append(1, digits[byte / 16]).append(1, digits[byte % 16]);
  }
  return result;
}

void log_line(std::string_view who, std::string_view what) {
  const std::string line = std::string{who}.append(": ").append(what).append("\n");
  // Whoever has closed our standard error doesn't want to know.
  (void)!::write(STDERR_FILENO, line.data(), line.size());
}
