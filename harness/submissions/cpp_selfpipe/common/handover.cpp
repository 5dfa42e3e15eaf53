#include "handover.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstring>

namespace {

// A message of one byte, because an empty one would look like the end, and one descriptor.
class Envelope {
 public:
  Envelope() {
    message_.msg_iov = &one_byte_;
    message_.msg_iovlen = 1;
    message_.msg_control = control_.data();
    message_.msg_controllen = control_.size();
  }

  msghdr* message() { return &message_; }

  void enclose(int descriptor) {
    cmsghdr* const header = CMSG_FIRSTHDR(&message_);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }

  // No descriptor, if this process has no room for it: it is closed then.
  Fd contents() const {
    const cmsghdr* const header = CMSG_FIRSTHDR(&message_);
    if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return Fd{};
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
    return Fd{descriptor};
  }

 private:
  char byte_ = 'c';
  iovec one_byte_{&byte_, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control_{};
  msghdr message_{};
};

}  // namespace

Channel make_channel() {
  std::array<int, 2> ends{};
  must("socketpair", ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()));
  return {Fd{ends[0]}, Fd{ends[1]}};
}

bool hand_over(const Fd& channel, const Fd& connection) {
  Envelope envelope;
  envelope.enclose(connection.get());
  return uninterrupted([&] { return ::sendmsg(channel.get(), envelope.message(), MSG_NOSIGNAL); }) == 1;
}

std::optional<Fd> take_over(const Fd& channel) {
  Envelope envelope;
  const auto got =
      uninterrupted([&] { return ::recvmsg(channel.get(), envelope.message(), MSG_CMSG_CLOEXEC); });
  if (must("recvmsg", got) == 0) return std::nullopt;
  return envelope.contents();
}
