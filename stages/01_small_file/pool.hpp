// pool.hpp: the parent. It listens, accepts, and hands each connection to an idle worker.
#pragma once

#include <sys/types.h>

#include <vector>

#include "plumbing/options.hpp"
#include "plumbing/system.hpp"

struct Worker {
  pid_t pid = -1;  // -1: there is none just now
  Descriptor channel;  // the parent's end
  bool idle = false;
};

class Pool {
 public:
  /// Forks all workers. Throws std::system_error.
  Pool(Descriptor listener, const ServerOptions& options);

  /// Serves for ever.
  [[noreturn]] void serve();

 private:
  void start(Worker& worker);
  void watch(int fd, void* who);
  void update_interest();
  void hand_over_next_client();
  void hear(Worker& worker);
  Worker* find_idle();

  const ServerOptions& options_;
  Descriptor listener_;
  Descriptor epoll_;
  bool listener_watched_ = true;
  std::vector<Worker> workers_;  // never grows: epoll knows each worker by its address
};
