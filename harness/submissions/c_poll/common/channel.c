#include "channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

union control {  // a buffer for one descriptor, aligned as cmsg(3) wants it
  struct cmsghdr header;
  char space[CMSG_SPACE(sizeof(int))];
};

bool open_channel(int ends[2]) { return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0; }

bool pass_connection(int channel, int connection) {
  char byte = 'c';  // an empty packet would look like the end of the channel
  struct iovec data = {.iov_base = &byte, .iov_len = 1};
  union control control = {.space = {0}};
  const struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  struct cmsghdr* passed = CMSG_FIRSTHDR(&message);
  passed->cmsg_level = SOL_SOCKET;
  passed->cmsg_type = SCM_RIGHTS;
  passed->cmsg_len = CMSG_LEN(sizeof connection);
  memcpy(CMSG_DATA(passed), &connection, sizeof connection);
  return sendmsg(channel, &message, MSG_NOSIGNAL) == 1;
}

bool hear_idle(int channel) {
  char byte;
  return recv(channel, &byte, 1, 0) == 1;
}

bool say_idle(int channel) { return send(channel, "i", 1, MSG_NOSIGNAL) == 1; }

bool await_connection(int channel, int* connection) {
  char byte;
  struct iovec data = {.iov_base = &byte, .iov_len = 1};
  union control control = {.space = {0}};
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t got;
  do got = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
  while (got == -1 && errno == EINTR);
  const struct cmsghdr* passed = got == 1 ? CMSG_FIRSTHDR(&message) : NULL;
  *connection = -1;
  if (passed != NULL) memcpy(connection, CMSG_DATA(passed), sizeof *connection);
  return got == 1;
}
