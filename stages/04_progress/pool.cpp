// pool.cpp: see fork(2), epoll(7), accept(2), waitpid(2).
#include "pool.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>

#include "channel.hpp"
#include "plumbing/output.hpp"
#include "worker.hpp"

Pool::Pool(Descriptor listener, const ServerOptions& options)
    : options_(options),
      listener_(std::move(listener)),
      epoll_(check("epoll_create1", ::epoll_create1(EPOLL_CLOEXEC))),
      workers_(options.workers) {
  watch(listener_.get(), this);
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
  for (;;) {
    update_interest();
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
    else
      hear(*static_cast<Worker*>(event.data.ptr));
  }
}

/// The one rule for who is let in. While everybody is busy the next clients wait in the listen backlog, and the
/// parent sleeps.
void Pool::update_interest() {
  const bool wanted = find_idle() != nullptr && !exhausted_;
  if (wanted == listener_watched_) return;
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

/// Starts another worker in place of a dead one, so that the pool does not shrink.
void Pool::replace(Worker& worker) {
  log("server: " + reap(worker) + "; another takes its place");
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
