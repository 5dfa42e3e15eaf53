// stall.cpp: see socket(7) on SO_SNDTIMEO and SO_LINGER, tcp(7) on SIOCOUTQ, poll(2).
//
// A slow client opens its window seldom, and a little: to the kernel's own limit, TCP_USER_TIMEOUT, a window that is
// smaller than a segment is as good as closed. So the bytes are counted: those that the client has not acknowledged.
#include "stall.hpp"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <stdexcept>

#include "plumbing/system.hpp"

namespace {

constexpr int steps = 4;  // of a timeout

std::chrono::milliseconds step_of(int connection) {
  timeval step{};
  socklen_t size = sizeof step;
  check("getsockopt SO_SNDTIMEO", ::getsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &step, &size));
  return std::chrono::seconds{step.tv_sec} + std::chrono::milliseconds{step.tv_usec / 1000};
}

int not_yet_taken(int connection) {
  int bytes = 0;
  check("ioctl SIOCOUTQ", ::ioctl(connection, SIOCOUTQ, &bytes));
  return bytes;
}

void wait_for_room(int connection) {
  const std::chrono::milliseconds step = step_of(connection);
  pollfd room{connection, POLLOUT, 0};
  int before = not_yet_taken(connection);
  for (int left = steps; left > 0; --left) {
    if (::poll(&room, 1, static_cast<int>(step.count())) == 1)
      return;  // an error counts: the next call tells
    const int now = not_yet_taken(connection);
    if (now < before) left = steps + 1;
    before = now;
  }
  const linger reset{1, 0};  // else the kernel would go on offering it what is in the queue
  check("setsockopt SO_LINGER", ::setsockopt(connection, SOL_SOCKET, SO_LINGER, &reset, sizeof reset));
  const auto timeout = std::chrono::duration_cast<std::chrono::seconds>(step * steps);
  throw std::runtime_error("the client took not one byte for " + std::to_string(timeout.count()) + " s");
}

}  // namespace

void drop_when_stalled(int listener, std::chrono::milliseconds timeout) {
  const auto step = std::chrono::duration_cast<std::chrono::microseconds>(timeout / steps).count();
  const timeval wait{step / 1000000, step % 1000000};
  check("setsockopt SO_SNDTIMEO", ::setsockopt(listener, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait));
}

bool try_again(int connection) {
  if (errno == EINTR) return true;
  if (errno != EAGAIN) return false;
  wait_for_room(connection);
  return true;
}
