// output.cpp: see write(2), signal(7), sigtimedwait(2), pipe(7), open(2) on O_NONBLOCK.
#include "plumbing/output.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <climits>
#include <csignal>
#include <ctime>
#include <string_view>
#include <tuple>

#include "plumbing/system.hpp"

namespace {

/// While it lives, the signals that a write raises are held back: SIGPIPE, where no reader is left; SIGXFSZ, where the
/// file would grow above RLIMIT_FSIZE; SIGTTOU, which would stop a background process (`stty tostop`). What has
/// come by its end is taken away: write(2) has said the same with EPIPE or EFBIG.
class SignalsOfWriteHeld {
 public:
  SignalsOfWriteHeld() {
    ::sigemptyset(&held_);
    for (const int signal : {SIGPIPE, SIGXFSZ, SIGTTOU}) ::sigaddset(&held_, signal);
    ::sigprocmask(SIG_BLOCK, &held_, &before_);
  }
  ~SignalsOfWriteHeld() {
    const int error = errno;
    const timespec at_once{};
    while (::sigtimedwait(&held_, nullptr, &at_once) > 0) continue;
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
    errno = error;
  }
  SignalsOfWriteHeld(const SignalsOfWriteHeld&) = delete;
  SignalsOfWriteHeld& operator=(const SignalsOfWriteHeld&) = delete;

 private:
  sigset_t held_{};
  sigset_t before_{};
};

bool is_ready(int fd, int milliseconds) {
  pollfd one{fd, POLLOUT, 0};
  return ::poll(&one, 1, milliseconds) == 1 && (one.revents & POLLOUT) != 0;
}

/// All of `text`, however long it takes. Returns false, with errno set, on an error.
bool write_all(int fd, std::string_view text) {
  const SignalsOfWriteHeld held;
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written >= 0)
      text.remove_prefix(static_cast<std::size_t>(written));
    else if (errno == EAGAIN)  // whoever started us has left O_NONBLOCK there
      is_ready(fd, -1);
    else if (errno != EINTR)
      return false;
  }
  return true;
}

/// Standard error, if it is a pipe or a terminal, as an open file description of our own that never blocks: O_NONBLOCK on
/// descriptor 2 itself would be set for all who share that description, the user's shell among them. Empty where it can't
/// be had (no /proc, no descriptor left, the pipe of another user), and for files: they share their offset.
Descriptor open_standard_error() {
  struct stat about {};
  if (::fstat(STDERR_FILENO, &about) == -1) return {};
  if (!S_ISFIFO(about.st_mode) && !S_ISCHR(about.st_mode)) return {};
  return Descriptor{::open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
}

}  // namespace

bool print_line(const std::string& line) { return write_all(STDOUT_FILENO, line + '\n'); }

void report(const std::string& message) { write_all(STDERR_FILENO, message + '\n'); }

void log(const std::string& message) {
  const std::string line = message.substr(0, PIPE_BUF - 1) + '\n';
  const Descriptor own = open_standard_error();
  const int fd = own ? own.get() : STDERR_FILENO;
  const SignalsOfWriteHeld held;
  if (::send(fd, line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL) != -1 || errno != ENOTSOCK) return;
  // A pipe that is ready takes PIPE_BUF bytes at once (pipe(7)): even a blocking one is not waited for.
  if (is_ready(fd, 0)) std::ignore = ::write(fd, line.data(), line.size());
}
