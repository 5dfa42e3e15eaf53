// progress.hpp: how much of a file has come, on one line of a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

// Without a terminal on standard error it draws nothing.
class Progress {
 public:
  explicit Progress(std::uint64_t size);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  // What is written next begins a line of its own.
  ~Progress();

  // So many bytes have come. The line is drawn if it is time to, or if that is all of them.
  void show(std::uint64_t received);

 private:
  using Clock = std::chrono::steady_clock;

  std::string line(std::uint64_t received, Clock::duration elapsed) const;

  std::uint64_t size_;
  bool on_terminal_;
  std::size_t drawn_ = 0;  // characters of the line on the screen
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_ = start_;
};
