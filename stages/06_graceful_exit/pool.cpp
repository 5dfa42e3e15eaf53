// pool.cpp: see fork(2), epoll(7), accept(2), waitpid(2), signalfd(2), timerfd_create(2).
#include "pool.hpp"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>

#include "channel.hpp"
#include "worker.hpp"

namespace {

sigset_t exit_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

void block_exit_signals() {
  const sigset_t set = exit_signals();
  check("sigprocmask", ::sigprocmask(SIG_BLOCK, &set, nullptr));
}

Pool::Pool(Descriptor listener, const ServerOptions& options)
    : options_(options),
      listener_(std::move(listener)),
      epoll_(check("epoll_create1", ::epoll_create1(EPOLL_CLOEXEC))),
      drain_timer_(check("timerfd_create", ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC))),
      workers_(options.workers) {
  const sigset_t set = exit_signals();
  signals_ = Descriptor{check("signalfd", ::signalfd(-1, &set, SFD_CLOEXEC))};
  watch(listener_.get(), this);
  watch(signals_.get(), &signals_);
  watch(drain_timer_.get(), &drain_timer_);
  for (Worker& worker : workers_) start(worker);
}

void Pool::start(Worker& worker) {
  Channel channel = make_channel();
  const pid_t pid = check("fork", ::fork());
  if (pid == 0) {
    // A worker must not hold the listener: the port would stay taken after the parent's end.
    listener_.close();
    epoll_.close();
    connection_.close();  // nor that of a client for whom a dead worker is being replaced: it would never end
    signals_.close();
    drain_timer_.close();
    // Nor the parent's end of any channel: its worker would never see the end of the stream.
    for (Worker& other : workers_) other.channel.close();
    channel.parent_end.close();
    run_worker(std::move(channel.worker_end), options_);
  }
  worker = Worker{pid, std::move(channel.parent_end), true};
  watch(worker.channel.get(), &worker);
}  // here the parent closes its copy of the worker's end

void Pool::watch(int fd, void* who) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = who;
  check("epoll_ctl", ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event));
}

/// epoll forgets a closed descriptor only when its last copy is closed, and workers forked later have one:
/// without this the dead worker's channel would be reported for ever. See epoll(7), questions and answers.
void Pool::unwatch(int fd) { check("epoll_ctl", ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr)); }

void Pool::serve() {
  while (!leaving_ || has_workers()) {
    watch_listener_if_someone_is_idle();
    epoll_event event{};
    const int count = ::epoll_wait(epoll_.get(), &event, 1, exhausted_ ? 1000 : -1);
    if (count == -1) {
      if (errno == EINTR) continue;  // never restarted by the kernel: signal(7)
      check("epoll_wait", -1);
    }
    if (count == 0)
      try_again();
    else if (event.data.ptr == this)
      hand_over_next_client();
    else if (event.data.ptr == &signals_)
      hear_signal();
    else if (event.data.ptr == &drain_timer_)
      end_workers();
    else
      hear(*static_cast<Worker*>(event.data.ptr));
  }
}

/// While everybody is busy the next clients wait in the listen backlog, and the parent sleeps.
void Pool::watch_listener_if_someone_is_idle() {
  const bool wanted = find_idle() != nullptr && !exhausted_;
  if (leaving_ || wanted == listener_watched_) return;
  epoll_event event{};
  event.events = wanted ? EPOLLIN : 0U;
  event.data.ptr = this;
  check("epoll_ctl", ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, listener_.get(), &event));
  listener_watched_ = wanted;
}

void Pool::hand_over_next_client() {
  connection_ = Descriptor{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
  if (!connection_) {  // it has given up already (ECONNABORTED, EAGAIN), or we are out of something
    exhausted_ = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
    return;
  }
  while (Worker* const worker = find_idle()) {
    try {
      send_descriptor(worker->channel.get(), connection_.get());
      worker->idle = false;
      break;
    } catch (const std::system_error&) {
      replace(*worker);  // EPIPE: it died while it was idle; somebody else takes the client
    }
  }
  connection_.close();  // the parent's copy
}

/// A worker has something to say: "idle", or the end of its stream, and then it is dead.
void Pool::hear(Worker& worker) {
  char message = 0;
  if (::recv(worker.channel.get(), &message, 1, 0) == 1)
    worker.idle = true;
  else
    replace(worker);
}

/// Reaps a dead worker: without it, a zombie stays. Returns what there is to say about its end.
std::string Pool::reap(Worker& worker) {
  unwatch(worker.channel.get());
  ::kill(worker.pid, SIGKILL);  // a worker without a channel is of no use, and waitpid must not wait long
  int status = 0;
  check("waitpid", ::waitpid(worker.pid, &status, 0));
  const pid_t pid = std::exchange(worker, Worker{}).pid;
  return "worker " + std::to_string(pid) +
         (WIFSIGNALED(status) ? " was ended by signal " + std::to_string(WTERMSIG(status))
                              : " left with status " + std::to_string(WEXITSTATUS(status)));
}

/// Starts another worker in place of a dead one, so that the pool does not shrink: unless we are leaving.
void Pool::replace(Worker& worker) {
  const std::string end = reap(worker);
  if (leaving_) return;
  log("server: " + end + "; another takes its place");
  try_to_start(worker);
}

void Pool::try_to_start(Worker& worker) {
  try {
    start(worker);
  } catch (const std::system_error& error) {
    log(std::string("server: ") + error.what() + "; trying again in a second");
    exhausted_ = true;
  }
}

void Pool::try_again() {
  exhausted_ = false;
  for (Worker& worker : workers_)
    if (worker.pid == -1) try_to_start(worker);
}

Worker* Pool::find_idle() {
  const auto found = std::ranges::find_if(workers_, &Worker::idle);
  return found == workers_.end() ? nullptr : &*found;
}

/// SIGTERM asks for the graceful exit; whatever comes after it, and SIGINT at any time, for the ordered one.
void Pool::hear_signal() {
  signalfd_siginfo signal{};
  check("read signalfd", ::read(signals_.get(), &signal, sizeof signal));
  if (signal.ssi_signo == SIGTERM && !leaving_)
    drain();
  else
    end_workers();
}

/// Graceful exit: no new clients, and each worker finds the end of its stream behind its last connection.
/// Transfers under way are finished; the timer bounds the wait for those that never would be.
void Pool::drain() {
  stop_listening();
  for (const Worker& worker : workers_) ::shutdown(worker.channel.get(), SHUT_WR);
  itimerspec timeout{};
  timeout.it_value.tv_sec = options_.drain_timeout.count();
  timeout.it_value.tv_nsec = 1;  // 0 seconds is at once; all zero would be never
  check("timerfd_settime", ::timerfd_settime(drain_timer_.get(), 0, &timeout, nullptr));
}

/// Ordered exit: every worker ends now, and the loop reaps each as its channel ends.
void Pool::end_workers() {
  stop_listening();
  drain_timer_.close();
  for (const Worker& worker : workers_)
    if (worker.pid != -1) ::kill(worker.pid, SIGKILL);
}

/// Clients in the backlog see their connection reset, and later ones are refused: nobody waits in vain.
void Pool::stop_listening() {
  leaving_ = true;
  exhausted_ = false;
  listener_.close();
}

bool Pool::has_workers() const {
  return std::ranges::any_of(workers_, [](const Worker& worker) { return worker.pid != -1; });
}
