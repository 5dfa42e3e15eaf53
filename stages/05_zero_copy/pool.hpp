// pool.hpp: the parent. It listens, accepts, and puts each connection where an idle worker takes it.
#pragma once

#include <sys/types.h>

#include <vector>

#include "channel.hpp"
#include "plumbing/options.hpp"
#include "plumbing/system.hpp"

/// Keeps SIGCHLD until the pool asks for it: a death that comes before that is not lost.
void block_signals();

class Pool {
 public:
  /// Forks all workers. Throws std::system_error.
  Pool(Descriptor listener, const ServerOptions& options);

  /// Serves for ever.
  [[noreturn]] void serve();

 private:
  void start_worker();
  void watch(int operation, int fd, unsigned events);
  void update_interest();
  void hand_over_clients();
  void hand_over();
  void hear_signal();
  void reap_workers();
  void start_missing_workers();

  const ServerOptions& options_;
  Channel channel_ = make_channel();  // the workers' end too: for those to come
  Descriptor listener_;
  Descriptor epoll_;
  Descriptor connection_;  // of the client that is being handed over, or waits here for room in the channel
  Descriptor signals_;
  int watched_ = -1;  // the listener, the channel, or neither
  bool exhausted_ = false;  // no process or descriptor to be had: no new clients for a second
  std::vector<pid_t> workers_;
};
