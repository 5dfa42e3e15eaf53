// pool.cpp: see fork(2), epoll(7), accept(2).
#include "pool.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>

#include "channel.hpp"
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

void Pool::serve() {
  for (;;) {
    update_interest();
    epoll_event event{};
    if (::epoll_wait(epoll_.get(), &event, 1, -1) == -1) {
      if (errno == EINTR) continue;  // never restarted by the kernel: signal(7)
      check("epoll_wait", -1);
    }
    if (event.data.ptr == this)
      hand_over_next_client();
    else
      hear(*static_cast<Worker*>(event.data.ptr));
  }
}

/// The one rule for who is let in. While everybody is busy the next clients wait in the listen backlog, and the
/// parent sleeps.
void Pool::update_interest() {
  const bool wanted = find_idle() != nullptr;
  if (wanted == listener_watched_) return;
  epoll_event event{};
  event.events = wanted ? EPOLLIN : 0U;
  event.data.ptr = this;
  check("epoll_ctl", ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, listener_.get(), &event));
  listener_watched_ = wanted;
}

void Pool::hand_over_next_client() {
  Descriptor connection{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
  if (!connection) return;  // it has given up already: ECONNABORTED or EAGAIN
  Worker* const worker = find_idle();
  send_descriptor(worker->channel.get(), connection.get());
  worker->idle = false;
}  // here the parent closes its copy of the connection

/// A worker has something to say: it can only be "idle".
void Pool::hear(Worker& worker) {
  char message = 0;
  ::recv(worker.channel.get(), &message, 1, 0);
  worker.idle = true;
}

Worker* Pool::find_idle() {
  const auto found = std::ranges::find_if(workers_, &Worker::idle);
  return found == workers_.end() ? nullptr : &*found;
}
