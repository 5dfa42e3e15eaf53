// progress.hpp: how far a transfer has come, as one line that is drawn again and again.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

/// The line as text, without its end, at most 79 columns wide:
/// "[=====>    ]  50%  52428800/104857600 bytes  98.3 MiB/s  0:00:01 left".
/// 100% is said only when received == total; then the time is what the whole has taken.
std::string progress_line(std::uint64_t received, std::uint64_t total, std::chrono::duration<double> elapsed);

/// Draws on standard error, where that is a terminal; elsewhere it does nothing.
class Progress {
 public:
  explicit Progress(std::uint64_t total);
  ~Progress();  // ends the line, so that a message after it starts on its own
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Draws at most ten times a second, and always when all is there.
  void update(std::uint64_t received);

 private:
  using Clock = std::chrono::steady_clock;  // a wall clock may be set back

  void draw(std::uint64_t received, Clock::time_point now);

  std::uint64_t total_;
  bool on_terminal_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_drawn_{};
  std::size_t width_ = 0;  // of the line on the screen; 0: none yet
};
