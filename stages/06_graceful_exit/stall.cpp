// stall.cpp: see setsockopt(2), tcp(7).
#include "stall.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "plumbing/system.hpp"

void drop_when_stalled(int listener, std::chrono::milliseconds timeout) {
  const auto milliseconds = static_cast<unsigned>(timeout.count());
  check("setsockopt TCP_USER_TIMEOUT",
        ::setsockopt(listener, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds));
}
