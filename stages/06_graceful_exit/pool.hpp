// pool.hpp: the parent. It listens, accepts, and hands each connection to an idle worker.
#pragma once

#include <sys/types.h>

#include <vector>

#include "options.hpp"
#include "system.hpp"

struct Worker {
  pid_t pid = -1;  // -1: there is none just now
  Descriptor channel;  // the parent's end
  bool idle = false;
};

/// Keeps SIGTERM and SIGINT until the pool asks for them. Workers inherit it: Ctrl-C goes to the whole
/// process group, and what it means for a worker is the parent's decision.
void block_exit_signals();

class Pool {
 public:
  /// Forks all workers. Throws std::system_error.
  Pool(Descriptor listener, const ServerOptions& options);

  /// Serves until SIGTERM (graceful exit) or SIGINT (ordered exit); returns when every worker is reaped.
  void serve();

 private:
  void start(Worker& worker);
  void watch(int fd, void* who);
  void unwatch(int fd);
  void watch_listener_if_someone_is_idle();
  void hand_over_next_client();
  void hear(Worker& worker);
  std::string reap(Worker& worker);
  void replace(Worker& worker);
  void try_to_start(Worker& worker);
  void try_again();
  void hear_signal();
  void drain();
  void end_workers();
  void stop_listening();
  bool has_workers() const;
  Worker* find_idle();

  const ServerOptions& options_;
  Descriptor listener_;
  Descriptor epoll_;
  Descriptor connection_;  // of the client that is being handed over
  Descriptor signals_;
  Descriptor drain_timer_;
  bool leaving_ = false;
  bool listener_watched_ = true;
  bool exhausted_ = false;  // no process or descriptor to be had: no new clients until try_again()
  std::vector<Worker> workers_;  // never grows: epoll knows each worker by its address
};
