// channel.cpp: passing descriptors. See unix(7), cmsg(3), sendmsg(2); The Linux Programming Interface,
// section 61.13.3.
#include "channel.hpp"

#include <sys/socket.h>

#include <cstring>
#include <stdexcept>

namespace {

/// SCM_RIGHTS travels beside at least one byte of ordinary data: without it, there is nothing to wait for.
struct Message {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};  // room for one descriptor: cmsg(3)
  msghdr header{};

  Message() {
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
  }
};

}  // namespace

Channel make_channel() {
  int ends[2];
  // Not SOCK_STREAM: many read here, and each recvmsg takes one message whole, never a part of one or of two.
  check("socketpair", ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends));
  // Room for some forty connections, for all workers together: the others wait in the listen backlog.
  const int room = 16384;
  check("setsockopt", ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room));
  return {Descriptor{ends[0]}, Descriptor{ends[1]}};
}

bool send_descriptor(int channel, int fd) {
  Message message;
  cmsghdr* const rights = CMSG_FIRSTHDR(&message.header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  const ssize_t sent = ::sendmsg(channel, &message.header, MSG_DONTWAIT);
  if (sent == -1 && errno == EAGAIN) return false;
  check("sendmsg", sent);
  return true;
}

Descriptor receive_descriptor(int channel) {
  Message message;
  if (check("recvmsg", ::recvmsg(channel, &message.header, MSG_CMSG_CLOEXEC)) == 0) return {};
  const cmsghdr* const rights = CMSG_FIRSTHDR(&message.header);
  if (rights == nullptr || rights->cmsg_type != SCM_RIGHTS)
    throw std::runtime_error("recvmsg: a message without a descriptor");
  int fd = -1;  // the number is this process's own; only the open file behind it is shared
  std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
  return Descriptor{fd};
}
