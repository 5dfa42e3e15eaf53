// channel.hpp: the UNIX socket pair between the parent and one worker.
// Down it go connections, up it comes one byte for each transfer that is over.
#pragma once

#include "plumbing/system.hpp"

struct Channel {
  Descriptor parent_end;
  Descriptor worker_end;
};

Channel make_channel();

/// Passes a copy of descriptor `fd` over `channel`; the caller's own stays open. Throws std::system_error.
void send_descriptor(int channel, int fd);

/// Waits for the next descriptor. An empty one is the end of the stream: nobody holds the other end any more.
Descriptor receive_descriptor(int channel);

/// The worker's word to the parent: one byte, "I am idle".
void report_idle(int channel);
