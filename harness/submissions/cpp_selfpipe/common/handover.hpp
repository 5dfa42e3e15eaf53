// handover.hpp: the channel between the parent and a worker, over which connections travel. See unix(7), cmsg(3).
#pragma once

#include <optional>

#include "system.hpp"

struct Channel {
  Fd of_parent, of_worker;
};

Channel make_channel();

// False, and errno says why, if the connection has not been sent.
bool hand_over(const Fd& channel, const Fd& connection);

// Waits for the next connection. Nothing: the parent has closed the channel, or is gone.
std::optional<Fd> take_over(const Fd& channel);
