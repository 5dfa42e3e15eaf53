// pool.cpp: see fork(2), epoll(7), accept(2), waitpid(2), signalfd(2).
#include "pool.hpp"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <csignal>

#include "plumbing/output.hpp"
#include "worker.hpp"

namespace {

sigset_t signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  return set;
}

std::string told(pid_t pid, int status) {
  return "worker " + std::to_string(pid) +
         (WIFSIGNALED(status) ? " was ended by signal " + std::to_string(WTERMSIG(status))
                              : " left with status " + std::to_string(WEXITSTATUS(status)));
}

}  // namespace

void block_signals() {
  const sigset_t set = signals();
  check("sigprocmask", ::sigprocmask(SIG_BLOCK, &set, nullptr));
}

Pool::Pool(Descriptor listener, const ServerOptions& options)
    : options_(options),
      listener_(std::move(listener)),
      epoll_(check("epoll_create1", ::epoll_create1(EPOLL_CLOEXEC))) {
  const sigset_t set = signals();
  signals_ = Descriptor{check("signalfd", ::signalfd(-1, &set, SFD_CLOEXEC))};
  watched_ = listener_.get();
  watch(EPOLL_CTL_ADD, watched_, EPOLLIN);
  watch(EPOLL_CTL_ADD, channel_.parent_end.get(), 0U);
  watch(EPOLL_CTL_ADD, signals_.get(), EPOLLIN);
  while (workers_.size() < options_.workers) start_worker();
}

void Pool::start_worker() {
  const pid_t pid = check("fork", ::fork());
  if (pid == 0) {
    // A worker must not hold the listener: the port would stay taken after the parent's end.
    listener_.close();
    epoll_.close();
    connection_.close();  // nor a client that is being handed over: it would never end
    signals_.close();
    channel_.parent_end.close();  // nor the parent's end: nobody would see that the parent is gone
    run_worker(std::move(channel_.worker_end), options_);
  }
  workers_.push_back(pid);
}

void Pool::watch(int operation, int fd, unsigned events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  check("epoll_ctl", ::epoll_ctl(epoll_.get(), operation, fd, &event));
}

void Pool::serve() {
  for (;;) {
    update_interest();
    epoll_event event{};
    const int count = ::epoll_wait(epoll_.get(), &event, 1, exhausted_ ? 1000 : -1);
    if (count == -1) {
      if (errno == EINTR) continue;  // never restarted by the kernel: signal(7)
      check("epoll_wait", -1);
    }
    if (count == 0)
      start_missing_workers();
    else if (event.data.fd == listener_.get())
      hand_over_clients();
    else if (event.data.fd == channel_.parent_end.get())
      hand_over();
    else if (event.data.fd == signals_.get())
      hear_signal();
  }
}

/// The one rule for who is let in. While the channel is full, the client that waits here for room in it comes first;
/// the others wait in the listen backlog, and the parent sleeps.
void Pool::update_interest() {
  int wanted = listener_.get();
  if (exhausted_) wanted = -1;
  if (connection_) wanted = channel_.parent_end.get();
  if (wanted == watched_) return;
  if (watched_ != -1) watch(EPOLL_CTL_MOD, watched_, 0U);
  if (wanted != -1) watch(EPOLL_CTL_MOD, wanted, connection_ ? EPOLLOUT : EPOLLIN);
  watched_ = wanted;
}

/// As many as there are, but not for ever: a signal wants to be heard as well.
void Pool::hand_over_clients() {
  for (int count = 0; count < 16 && !connection_; ++count) {
    connection_ = Descriptor{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    if (!connection_) {  // no one is left (EAGAIN), it has given up (ECONNABORTED), or we are out of something
      exhausted_ = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
      return;
    }
    hand_over();
  }
}

/// If the channel is full, connection_ stays, until there is room.
void Pool::hand_over() {
  try {
    if (!send_descriptor(channel_.parent_end.get(), connection_.get())) return;
  } catch (const std::system_error& error) {
    log(std::string("server: ") + error.what());  // it costs this client its connection, and nobody else
  }
  connection_.close();  // the parent's copy
}

/// SIGCHLD: somebody has died.
void Pool::hear_signal() {
  signalfd_siginfo signal{};
  check("read signalfd", ::read(signals_.get(), &signal, sizeof signal));
  reap_workers();
}

/// Reaps the dead: without it, zombies stay. Starts others in their place, so that the pool does not shrink.
/// One SIGCHLD may stand for many; and execve(2) keeps children, who are no workers.
void Pool::reap_workers() {
  int status = 0;
  pid_t pid = 0;
  while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
    if (std::erase(workers_, pid) == 0) continue;
    log("server: " + told(pid, status) + "; another takes its place");
  }
  start_missing_workers();
}

void Pool::start_missing_workers() {
  exhausted_ = false;
  try {
    while (workers_.size() < options_.workers) start_worker();
  } catch (const std::system_error& error) {
    log(std::string("server: ") + error.what() + "; trying again in a second");
    exhausted_ = true;
  }
}
