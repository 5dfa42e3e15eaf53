// stall.hpp: what becomes of a client that takes nothing and does not leave.
#pragma once

#include <chrono>

/// Gives up clients of `listener` that take not one byte for so long: accepted sockets inherit it. The kernel takes
/// the connection down, and sending fails (ETIMEDOUT; EPIPE from a call that had moved some bytes before).
/// Without it, one stalled client would hold a worker for ever.
void drop_when_stalled(int listener, std::chrono::milliseconds timeout);
