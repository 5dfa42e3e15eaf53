// stall.hpp: what becomes of a client that takes nothing and does not leave.
#pragma once

#include <chrono>

/// Lets sending calls on accepted sockets of `listener` wait a quarter of `timeout` for room, and fail then with EAGAIN.
/// try_again does the rest. Without it, one stalled client would hold a worker for ever.
void drop_when_stalled(int listener, std::chrono::milliseconds timeout);

/// After a sending call on `connection` has failed: whether to call it again. After EINTR at once; after EAGAIN once there
/// is room, however slowly the client takes what was sent. If it takes not one byte for the whole timeout, throws
/// std::runtime_error, and the connection will end with a reset.
bool try_again(int connection);
