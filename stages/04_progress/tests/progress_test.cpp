// progress_test.cpp: the progress line, as text and on a terminal.
#include "plumbing/progress.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "support.hpp"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

constexpr std::uint64_t largest = UINT64_MAX;
constexpr std::uint64_t mib = 1 << 20;

/// The number before '%'.
unsigned percent(std::uint64_t received, std::uint64_t total) {
  const std::string line = progress_line(received, total, 1s);
  return static_cast<unsigned>(std::stoul(line.substr(line.find(']') + 1)));
}

TEST(ProgressLine, TellsShareBytesRateAndTimeLeft) {
  EXPECT_EQ(progress_line(50 * mib, 100 * mib, 2s),
            "[=====>    ]  50%  52428800/104857600 bytes  25.0 MiB/s  0:00:02 left");
}

TEST(ProgressLine, TellsAtTheEndHowLongItTook) {
  EXPECT_EQ(progress_line(100 * mib, 100 * mib, 4s),
            "[==========] 100%  104857600/104857600 bytes  25.0 MiB/s  in 0:00:04");
}

TEST(ProgressLine, KnowsNoTimeLeftBeforeTheFirstByte) {
  EXPECT_EQ(progress_line(0, 1000, 1s), "[>         ]   0%  0/1000 bytes  0.0 MiB/s  -:--:-- left");
}

TEST(ProgressLine, OfAnEmptyFileSaysAll) {
  EXPECT_EQ(progress_line(0, 0, 0s), "[==========] 100%  0/0 bytes  0.0 MiB/s  in 0:00:00");
}

TEST(ProgressLine, WritesHoursMinutesSeconds) {
  EXPECT_NE(progress_line(mib, 7200 * mib, 1s).find("  1:59:59 left"), std::string::npos);
  EXPECT_NE(progress_line(1, 99 * 3600, 1s).find("  98:59:59 left"), std::string::npos);
  EXPECT_NE(progress_line(1, 99 * 3600 + 1, 1s).find("  -:--:-- left"), std::string::npos);
}

TEST(ProgressLine, RoundsTheShareDown) {
  EXPECT_EQ(percent(1, 3), 33U);
  EXPECT_EQ(percent(2, 3), 66U);
  EXPECT_EQ(percent(1, 1000), 0U);
  EXPECT_EQ(percent(9999, 10000), 99U);
}

TEST(ProgressLine, Says100OnlyOfAll) {
  EXPECT_EQ(percent(999999999, 1000000000), 99U);
  EXPECT_EQ(percent(largest - 1, largest), 99U);
  EXPECT_EQ(percent(largest, largest), 100U);
  EXPECT_EQ(percent(16777216, 16777217), 99U);  // a float would not tell them apart
}

TEST(ProgressLine, DoesNotOverflow) {
  EXPECT_EQ(percent(largest / 3, largest - 5), 33U);
  EXPECT_EQ(percent(largest / 100 * 30, largest / 100 * 60), 50U);
  EXPECT_EQ(percent(std::uint64_t{3} << 30, std::uint64_t{4} << 30), 75U);
}

TEST(ProgressLine, NeverGoesBack) {
  for (const std::uint64_t total : {1ULL, 3ULL, 99ULL, 1001ULL, 104857600ULL, 0xffffffffffffffffULL}) {
    unsigned before = 0;
    for (std::uint64_t step = 0; step <= 1000; ++step) {
      const std::uint64_t received = total / 1000 * step + total % 1000 * step / 1000;
      const unsigned now = percent(received, total);
      EXPECT_GE(now, before) << received << " of " << total;
      EXPECT_EQ(now == 100, received == total) << received << " of " << total;
      before = now;
    }
  }
}

TEST(ProgressLine, DrawsABarThatGrows) {
  for (unsigned tenth = 0; tenth <= 10; ++tenth) {
    const std::string bar = progress_line(tenth * 10, 100, 1s).substr(0, 12);
    EXPECT_EQ(bar.find_first_not_of('=', 1), tenth + 1) << bar;
    EXPECT_EQ(bar.find('>') == std::string::npos, tenth == 10) << bar;
  }
}

TEST(ProgressLine, KnowsNoNanNoInfinityAndNoEndOfLine) {
  for (const std::uint64_t received : {std::uint64_t{0}, std::uint64_t{1}, largest})
    for (const std::uint64_t total : {std::uint64_t{0}, std::uint64_t{1}, largest})
      for (const auto elapsed : {-1.0s, 0.0s, 1e-9s, 1.0s, 1e9s}) {
        const std::string line = progress_line(received, total, elapsed);
        EXPECT_EQ(line.find_first_not_of("[=> ]0123456789%/.:-bytesMiBleftin"), std::string::npos) << line;
        EXPECT_EQ(line.find("inf"), std::string::npos) << line;
        EXPECT_EQ(line.find("nan"), std::string::npos) << line;
      }
}

TEST(ProgressLine, FitsATerminalOf80Columns) {
  for (const std::uint64_t total : {std::uint64_t{1}, mib, std::uint64_t{1} << 40})  // up to 1 TiB
    for (const std::uint64_t received : {std::uint64_t{0}, total / 2, total})
      EXPECT_LE(progress_line(received, total, 100s).size(), 79U);
}

// --- on a terminal

/// Standard error is a terminal until the end of the scope; or else a socket.
class StandardError {
 public:
  explicit StandardError(bool terminal) : before_(check("dup", ::dup(STDERR_FILENO))) {
    SocketPair pair = unix_pair();
    ours_ = std::move(pair.left);
    theirs_ = std::move(pair.right);
    if (terminal) {
      ours_ = Descriptor{check("posix_openpt", ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC))};
      check("unlockpt", ::unlockpt(ours_.get()));
      theirs_ = Descriptor{check("open", ::open(::ptsname(ours_.get()), O_RDWR | O_NOCTTY | O_CLOEXEC))};
    }
    ::dup2(theirs_.get(), STDERR_FILENO);
  }
  ~StandardError() { ::dup2(before_.get(), STDERR_FILENO); }
  StandardError(const StandardError&) = delete;
  StandardError& operator=(const StandardError&) = delete;

  /// What has been written so far.
  std::string text() {
    std::string all;
    for (pollfd ready{ours_.get(), POLLIN, 0}; ::poll(&ready, 1, 0) == 1 && (ready.revents & POLLIN) != 0;) {
      char buffer[4096];
      all.append(buffer, static_cast<std::size_t>(check("read", ::read(ours_.get(), buffer, sizeof buffer))));
    }
    return all;
  }

 private:
  Descriptor before_;
  Descriptor ours_;
  Descriptor theirs_;
};

/// All that is drawn while `updates` come, with the end of the line.
std::string drawn(bool terminal, std::uint64_t total, std::initializer_list<std::uint64_t> updates) {
  StandardError standard_error(terminal);
  {
    Progress progress(total);
    for (const std::uint64_t received : updates) progress.update(received);
  }
  return standard_error.text();
}

TEST(Progress, StaysOnOneLineAndEndsIt) {
  const std::string text = drawn(true, 1000, {1000});
  EXPECT_EQ(text.substr(0, 22), "\r[>         ]   0%  0/");
  EXPECT_NE(text.find("\r[==========] 100%  1000/1000 bytes"), std::string::npos);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

TEST(Progress, DrawsAShorterLineOverTheLongerOne) {
  const std::string text = drawn(true, 1000, {1000});  // "in 0:00:00" is shorter than "-:--:-- left"
  const std::size_t second = text.rfind("\r[");
  const std::size_t end = text.find("\r\n");
  ASSERT_NE(end, std::string::npos);
  EXPECT_GE(end - second, second) << text;
}

TEST(Progress, OfAnEmptyFileIsOneLineOf100Percent) {
  const std::string text = drawn(true, 0, {});
  EXPECT_EQ(text.substr(0, 18), "\r[==========] 100%");
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

TEST(Progress, DrawsFarLessOftenThanItIsTold) {
  StandardError standard_error(true);
  int updates = 0;
  const auto start = std::chrono::steady_clock::now();
  {
    Progress progress(1'000'000);
    while (updates < 100'000) progress.update(static_cast<std::uint64_t>(++updates));
  }
  const auto tenths = (std::chrono::steady_clock::now() - start) / 100ms;
  const std::string text = standard_error.text();
  EXPECT_LE(std::count(text.begin(), text.end(), '['), tenths + 2);
}

TEST(Progress, ThatFailsHalfwayEndsItsLineToo) {
  const std::string text = drawn(true, 1000, {10});
  EXPECT_EQ(text.find("100%"), std::string::npos);
  EXPECT_EQ(text.back(), '\n');
}

TEST(Progress, IsSilentWhereThereIsNoTerminal) { EXPECT_EQ(drawn(false, 1000, {10, 1000}), ""); }

}  // namespace
