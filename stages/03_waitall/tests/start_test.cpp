// start_test.cpp: whatever a program inherits, it starts with open descriptors and without blocked signals.
#include "plumbing/start.hpp"

#include <gtest/gtest.h>

#include "support.hpp"

namespace {

bool is_default(int signal) {
  struct sigaction action {};
  ::sigaction(signal, nullptr, &action);
  return action.sa_handler == SIG_DFL;
}

/// In a process of its own: what it does to itself is gone afterwards.
void starts_badly() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(fd);
  for (const int signal : {SIGCHLD, SIGPIPE, SIGHUP}) ::signal(signal, SIG_IGN);
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  start_program();
  sigset_t blocked;
  ::sigprocmask(SIG_BLOCK, nullptr, &blocked);
  const Descriptor next{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  const bool holds = next.get() > STDERR_FILENO && ::write(STDOUT_FILENO, "x", 1) == -1 && errno == EBADF &&
                     ::sigismember(&blocked, SIGTERM) == 0 && is_default(SIGCHLD) && is_default(SIGPIPE) &&
                     !is_default(SIGHUP);
  ::_exit(holds ? 0 : 1);
}

TEST(StartDeathTest, FillsGapsAndResetsSignals) {
  EXPECT_EXIT(starts_badly(), testing::ExitedWithCode(0), "^$");
}

}  // namespace
