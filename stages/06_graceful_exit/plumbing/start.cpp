// start.cpp: see execve(2), open(2) on O_PATH, signal(7).
#include "plumbing/start.hpp"

#include <fcntl.h>

#include <csignal>

#include "plumbing/system.hpp"

void start_program() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // open takes the lowest number that is free. O_PATH: neither readable nor writable, and "/" is always there.
    if (::fcntl(fd, F_GETFD) == -1) check("open /", ::open("/", O_PATH | O_CLOEXEC));
  }
  for (const int signal : {SIGCHLD, SIGPIPE}) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  check("sigprocmask", ::sigprocmask(SIG_SETMASK, &none, nullptr));
}
