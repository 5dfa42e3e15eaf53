#include "signal_pipe.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>

namespace {

std::atomic<int> handlers_end{-1};
static_assert(std::atomic<int>::is_always_lock_free, "others may not be used in a handler");

void write_to_pipe(int number) {
  const int saved = errno;
  const auto byte = static_cast<unsigned char>(number);
  // The pipe is never full of what we still need: there are no more SIGCHLDs in it than workers, and of the others
  // only the first two matter.
  (void)!::write(handlers_end.load(), &byte, 1);
  errno = saved;
}

void set_action(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  // Only an end is news of a child: not that it was stopped.
  action.sa_flags = SA_RESTART | SA_NOCLDSTOP;
  must("sigaction", ::sigaction(number, &action, nullptr));
}

}  // namespace

SignalPipe::SignalPipe(std::vector<int> signals)
    : signals_{std::move(signals)}, pipe_{make_pipe(O_NONBLOCK)} {
  handlers_end = pipe_.write_end.get();
  sigset_t ours;
  ::sigemptyset(&ours);
  for (const int number : signals_) {
    set_action(number, write_to_pipe);
    ::sigaddset(&ours, number);
  }
  // Who started us may have blocked them, and that is inherited.
  must("sigprocmask", ::sigprocmask(SIG_UNBLOCK, &ours, nullptr));
}

std::optional<int> SignalPipe::next() {
  unsigned char number = 0;
  const auto got = uninterrupted([&] { return ::read(fd(), &number, 1); });
  if (got == 1) return number;
  return std::nullopt;
}

pid_t SignalPipe::fork() {
  // A signal between fork and disarm would run our handler in the child, and the parent would read of it.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  must("sigprocmask", ::sigprocmask(SIG_SETMASK, &all, &before));
  const pid_t child = ::fork();
  const int error = errno;
  if (child == 0) disarm();
  must("sigprocmask", ::sigprocmask(SIG_SETMASK, &before, nullptr));
  errno = error;
  return child;
}

void SignalPipe::disarm() {
  for (const int number : signals_) set_action(number, number == SIGCHLD ? SIG_DFL : SIG_IGN);
  pipe_ = Pipe{};
}

void wait_for(int fd, short events, SignalPipe& signals) {
  std::array<pollfd, 2> both{{{fd, events, 0}, {signals.fd(), POLLIN, 0}}};
  // EINTR: the handler has written to the pipe meanwhile.
  must("poll", uninterrupted([&] { return ::poll(both.data(), both.size(), -1); }));
  if (const auto number = signals.next()) {
    throw Failure{std::string{"ended by a signal: "} + ::strsignal(*number)};
  }
}
