// network.cpp: see getaddrinfo(3), socket(2), bind(2), listen(2), connect(2), getnameinfo(3), socket(7).
#include "plumbing/network.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <memory>
#include <stdexcept>

namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Addresses resolve(const std::string& host, const std::string& port, int flags) {
  addrinfo hints{};
  hints.ai_flags = flags;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) throw std::runtime_error("resolve " + host + ": " + ::gai_strerror(error));
  return {found, &::freeaddrinfo};
}

bool listens(int socket, const addrinfo& address) {
  const int on = 1;
  // Without it, bind fails for a minute after an exit: connections of the last run rest in TIME_WAIT.
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return ::bind(socket, address.ai_addr, address.ai_addrlen) == 0 && ::listen(socket, SOMAXCONN) == 0;
}

bool connects(int socket, const addrinfo& address) {
  // After EINTR it goes on by itself, and a second call waits for its end: what SA_RESTART does. signal(7)
  return uninterrupted([&] { return ::connect(socket, address.ai_addr, address.ai_addrlen); }) == 0;
}

/// The first address of `addresses` with which `works` succeeds; otherwise the last one's errno is thrown.
Descriptor first_that(bool (*works)(int, const addrinfo&), const addrinfo* addresses,
                      const std::string& what) {
  for (const addrinfo* address = addresses; address != nullptr; address = address->ai_next) {
    const int type = address->ai_socktype | SOCK_CLOEXEC;
    Descriptor socket{::socket(address->ai_family, type, address->ai_protocol)};
    if (socket && works(socket.get(), *address)) return socket;
    if (address->ai_next == nullptr) check(what, -1);  // errno is still that of the last call that failed
  }
  throw std::runtime_error(what + ": no address");
}

}  // namespace

Descriptor listen_on(const std::string& host, const std::string& port) {
  const Addresses addresses = resolve(host, port, AI_PASSIVE | AI_NUMERICSERV);
  return first_that(listens, addresses.get(), "listen on " + host + ":" + port);
}

Descriptor connect_to(const std::string& host, const std::string& port) {
  const Addresses addresses = resolve(host, port, AI_NUMERICSERV);
  return first_that(connects, addresses.get(), "connect to " + host + ":" + port);
}

std::string local_address(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  check("getsockname", ::getsockname(socket, generic, &size));
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  const int error =
      ::getnameinfo(generic, size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
  if (error != 0) throw std::runtime_error(std::string("getnameinfo: ") + ::gai_strerror(error));
  const std::string name = address.ss_family == AF_INET6 ? '[' + std::string(host) + ']' : host;
  return name + ":" + port;
}
