// cork.cpp: sends 10 bytes, once on a corked socket and once on another, and tells when they arrive. See tcp(7) on TCP_CORK.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace {

int check(const char* what, long result) {
  if (result != -1) return static_cast<int>(result);
  std::perror(what);
  std::exit(1);
}

void show(const char* how, int sender, int receiver) {
  const auto begin = std::chrono::steady_clock::now();
  check("send", send(sender, "ten bytes.", 10, 0));
  char bytes[10];
  check("recv", recv(receiver, bytes, sizeof bytes, MSG_WAITALL));
  const auto took = std::chrono::steady_clock::now() - begin;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(took);
  std::printf("%-10s arrived after %ld ms\n", how, static_cast<long>(ms.count()));
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

  show("not corked", sender, receiver);
  const int on = 1;
  check("TCP_CORK", setsockopt(sender, IPPROTO_TCP, TCP_CORK, &on, sizeof on));
  show("corked", sender, receiver);
}
