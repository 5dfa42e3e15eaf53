// channel.hpp: the UNIX socket pair between the parent and all of its workers: a queue of connections.
// Who is idle takes the next one. Nothing comes back: a dead worker is told by SIGCHLD.
#pragma once

#include "plumbing/system.hpp"

struct Channel {
  Descriptor parent_end;
  Descriptor worker_end;
};

Channel make_channel();

/// Passes a copy of descriptor `fd` over `channel`; the caller's own stays open. Never waits: false says that
/// the channel is full. Throws std::system_error.
bool send_descriptor(int channel, int fd);

/// Waits for the next descriptor. An empty one is the end: there is none left, and nobody will send another.
Descriptor receive_descriptor(int channel);
