// progress.cpp: see isatty(3).
#include "plumbing/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>

namespace {

constexpr std::size_t bar_width = 10;
constexpr std::chrono::milliseconds redraw_interval{100};

/// 0 to 100, rounded down, so that 100 means all. double: received * 100 might not fit 64 bits.
unsigned percentage(std::uint64_t received, std::uint64_t total) {
  if (received >= total) return 100;  // the empty file too: nothing of nothing is all
  const double share = static_cast<double>(received) / static_cast<double>(total);
  return std::min(99U, static_cast<unsigned>(share * 100));
}

std::string bar(unsigned percent) {
  const std::size_t filled = percent * bar_width / 100;
  std::string text(bar_width, ' ');
  std::fill_n(text.begin(), filled, '=');
  if (filled < bar_width) text[filled] = '>';
  return "[" + text + "]";
}

/// "H:MM:SS"; what can't be known, or is longer than 99 hours, is "-:--:--".
std::string clock_text(double seconds) {
  if (!(seconds < 99.0 * 3600)) return "-:--:--";
  const auto whole = static_cast<unsigned>(seconds);
  char text[32];
  std::snprintf(text, sizeof text, "%u:%02u:%02u", whole / 3600, whole / 60 % 60, whole % 60);
  return text;
}

}  // namespace

std::string progress_line(std::uint64_t received, std::uint64_t total,
                          std::chrono::duration<double> elapsed) {
  const unsigned percent = percentage(received, total);
  const double seconds = std::max(elapsed.count(), 1e-9);
  const double rate = static_cast<double>(received) / seconds;  // bytes a second, over the whole transfer
  const bool done = received >= total;
  const double left = static_cast<double>(total - std::min(received, total)) / rate;
  char numbers[128];
  std::snprintf(numbers, sizeof numbers, " %3u%%  %llu/%llu bytes  %.1f MiB/s  ", percent,
                static_cast<unsigned long long>(received), static_cast<unsigned long long>(total),
                rate / (1 << 20));
  return bar(percent) + numbers + (done ? "in " + clock_text(seconds) : clock_text(left) + " left");
}

Progress::Progress(std::uint64_t total) : total_(total), on_terminal_(::isatty(STDERR_FILENO) == 1) {
  update(0);
}

Progress::~Progress() {
  if (width_ > 0) std::cerr << std::endl;
}

void Progress::update(std::uint64_t received) {
  if (!on_terminal_) return;
  const Clock::time_point now = Clock::now();
  if (received >= total_ || now - last_drawn_ >= redraw_interval) draw(received, now);
}

/// "\r" goes back to the start of the line; blanks cover what a longer line left there.
void Progress::draw(std::uint64_t received, Clock::time_point now) {
  std::string line = progress_line(received, total_, now - start_);
  const std::size_t width = line.size();
  line.append(width_ > width ? width_ - width : 0, ' ');
  std::cerr << "\r" + line << std::flush;
  width_ = width;
  last_drawn_ = now;
}
