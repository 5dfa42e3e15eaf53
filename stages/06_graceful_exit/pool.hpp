// pool.hpp: the parent. It listens, accepts, and hands each connection to its workers.
#pragma once

#include <sys/types.h>

#include <vector>

#include "channel.hpp"
#include "plumbing/options.hpp"
#include "plumbing/system.hpp"

/// Keeps SIGTERM, SIGINT and SIGCHLD until the pool asks for them. Workers inherit it: Ctrl-C goes to the whole
/// process group, and what it means for a worker is the parent's decision.
void block_signals();

class Pool {
 public:
  /// Forks all workers. Throws std::system_error.
  Pool(Descriptor listener, const ServerOptions& options);

  /// Serves until SIGTERM (graceful exit) or SIGINT (ordered exit); returns when every worker is reaped.
  void serve();

 private:
  void start_worker();
  void start_missing_workers();
  void watch(int operation, int fd, void* who, unsigned events);
  void listen(bool wanted);
  void hand_over_clients();
  void hand_over();
  void hear_signal();
  void reap_workers();
  void drain();
  void end_workers();
  void stop_listening();

  const ServerOptions& options_;
  Channel channel_ = make_channel();  // the workers' end too: for those to come
  Descriptor listener_;
  Descriptor epoll_;
  Descriptor connection_;  // of the client that is being handed over
  Descriptor signals_;
  Descriptor drain_timer_;
  bool leaving_ = false;
  bool waiting_ = false;  // for room in the channel
  bool exhausted_ = false;  // no process or descriptor to be had: no new clients for a second
  std::vector<pid_t> workers_;
};
