#include "outbox.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <linux/sockios.h>

namespace {

constexpr std::size_t buffer_size = 128 * 1024;
constexpr int stall_timeout = 30'000;  // milliseconds

}  // namespace

Outbox::Outbox(const Fd& connection) : connection_{connection.get()} { buffer_.reserve(buffer_size); }

void Outbox::add_train(Bytes body) {
  const Head head = head_of(body.size());
  if (buffer_.size() + head.size() + body.size() > buffer_size) flush();
  buffer_.insert(buffer_.end(), head.begin(), head.end());
  buffer_.insert(buffer_.end(), body.begin(), body.end());
}

void Outbox::flush() {
  for (Bytes rest{buffer_}; !rest.empty();) {
    const ssize_t sent = ::send(connection_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent >= 0)
      rest = rest.subspan(static_cast<std::size_t>(sent));
    else if (errno == EAGAIN)
      wait_for_room();
    else if (errno != EINTR)
      fail("send", errno);
  }
  buffer_.clear();
}

void Outbox::send_bare(int file, std::uint64_t size) {
  flush();
  while (size > 0) {
    const ssize_t sent = ::sendfile(connection_, file, nullptr, size);
    if (sent > 0)
      size -= static_cast<std::uint64_t>(sent);
    else if (sent == 0)
      throw Failure{"the file became shorter while it was sent"};
    else if (errno == EAGAIN)
      wait_for_room();
    else if (errno != EINTR)
      fail("sendfile", errno);
  }
}

// poll(2) reports room only when there is a good deal of it, so a slow client may make it wait in vain. Only one that
// has taken nothing at all since the last look is given up.
void Outbox::wait_for_room() {
  for (int before = bytes_not_taken();;) {
    pollfd room{connection_, POLLOUT, 0};
    // A dead connection has room as well: the next call finds its error.
    if (must("poll", uninterrupted([&] { return ::poll(&room, 1, stall_timeout); })) > 0) return;
    const int now = bytes_not_taken();
    if (now >= before) break;
    before = now;
  }
  // Closed in the usual way, the connection would keep its queue in the kernel for as long as the client lives.
  const linger reset{1, 0};
  must("SO_LINGER", ::setsockopt(connection_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset));
  throw Failure{"it has taken nothing for " + std::to_string(stall_timeout / 1000) + " s"};
}

int Outbox::bytes_not_taken() const {
  int bytes = 0;
  must("SIOCOUTQ", ::ioctl(connection_, SIOCOUTQ, &bytes));
  return bytes;
}
