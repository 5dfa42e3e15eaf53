#include "progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>

namespace {

using namespace std::chrono_literals;

constexpr auto interval = 100ms;
constexpr std::size_t columns = 79;  // in the last one many terminals begin a new line

// Rounded down: 100 is said only at the end. Nothing of nothing is all of it.
unsigned percent(std::uint64_t received, std::uint64_t size) {
  if (received == size) return 100;
  const long double hundredfold = 100.0L * static_cast<long double>(received);
  return std::min(99U, static_cast<unsigned>(hundredfold / static_cast<long double>(size)));
}

void write_to_terminal(const std::string& text) { (void)!::write(STDERR_FILENO, text.data(), text.size()); }

}  // namespace

Progress::Progress(std::uint64_t size) : size_{size}, on_terminal_{::isatty(STDERR_FILENO) == 1} {}

Progress::~Progress() {
  if (drawn_ > 0) write_to_terminal("\n");
}

void Progress::show(std::uint64_t received) {
  if (!on_terminal_) return;
  const Clock::time_point now = Clock::now();
  if (now < next_ && received < size_) return;
  next_ = now + interval;
  std::string text = line(received, now - start_);
  const std::size_t length = text.size();
  text.resize(std::max(length, drawn_), ' ');  // covers what the line before had beyond this one
  write_to_terminal("\r" + text);
  drawn_ = length;
}

std::string Progress::line(std::uint64_t received, Clock::duration elapsed) const {
  const double seconds = std::max(std::chrono::duration<double>(elapsed).count(), 0.001);
  const double rate = static_cast<double>(received) / seconds;
  std::array<char, 160> text{};
  std::snprintf(text.data(), text.size(), "%3u%%  %" PRIu64 " of %" PRIu64 " bytes, %.1f MiB/s",
                percent(received, size_), received, size_, rate / (1024 * 1024));
  std::string result{text.data()};
  if (received > 0 && received < size_) {
    std::snprintf(text.data(), text.size(), ", %.0f s to go", static_cast<double>(size_ - received) / rate);
    result += text.data();
  }
  return result.substr(0, columns);
}
