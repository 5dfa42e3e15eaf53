// zerocopy.cpp: sends 16 KiB over loopback with MSG_ZEROCOPY, and asks the kernel whether it copied them after all.
// See the kernel's Documentation/networking/msg_zerocopy.rst, and ip(7) on IP_RECVERR.
#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

int check(const char* what, long result) {
  if (result != -1) return static_cast<int>(result);
  std::perror(what);
  std::exit(1);
}

}  // namespace

int main() {
  const int listener = check("socket", socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  check("bind", bind(listener, generic, size));
  check("listen", listen(listener, 1));
  check("getsockname", getsockname(listener, generic, &size));
  const int sender = check("socket", socket(AF_INET, SOCK_STREAM, 0));
  check("connect", connect(sender, generic, size));
  const int receiver = check("accept", accept(listener, nullptr, nullptr));

  const int on = 1;
  check("SO_ZEROCOPY", setsockopt(sender, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof on));
  std::vector<char> bytes(16384);
  std::printf("send MSG_ZEROCOPY: %d bytes\n",
              check("send", send(sender, bytes.data(), bytes.size(), MSG_ZEROCOPY)));
  check("recv", recv(receiver, bytes.data(), bytes.size(), MSG_WAITALL));

  pollfd wait{sender, 0, 0};  // POLLERR is always reported: there is a message in the error queue
  check("poll", poll(&wait, 1, -1));
  char control[256];
  msghdr message{};
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  check("recvmsg MSG_ERRQUEUE", recvmsg(sender, &message, MSG_ERRQUEUE));
  const auto* const told = reinterpret_cast<const sock_extended_err*>(CMSG_DATA(CMSG_FIRSTHDR(&message)));
  std::printf("the kernel: %s\n", told->ee_code == SO_EE_CODE_ZEROCOPY_COPIED
                                      ? "SO_EE_CODE_ZEROCOPY_COPIED: copied all the same"
                                      : "not copied");
}
