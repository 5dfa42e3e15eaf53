// network.hpp: a socket that listens, a socket that is connected.
#pragma once

#include <chrono>
#include <string>

#include "plumbing/system.hpp"

/// A listening TCP socket, not blocking: a client that gives up between epoll_wait and accept must not
/// hang the parent (UNIX Network Programming, vol. 1, section 16.6). Throws with host, port and cause.
Descriptor listen_on(const std::string& host, const std::string& port);

/// Gives up clients of `listener` that take not one byte for so long: accepted sockets inherit it (TCP_USER_TIMEOUT, tcp(7)).
/// The kernel takes the connection down, and sending fails (ETIMEDOUT; EPIPE from a call that had moved some bytes
/// before). Without it, one stalled client would hold a worker for ever.
void drop_when_stalled(int listener, std::chrono::milliseconds timeout);

/// The address that `socket` is bound to, as "127.0.0.1:41233" or "[::1]:41233".
std::string local_address(int socket);

/// A connected TCP socket. Throws with host, port and cause.
Descriptor connect_to(const std::string& host, const std::string& port);
