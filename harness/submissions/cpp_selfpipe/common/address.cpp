#include "address.hpp"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <memory>

namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

std::string joined(const std::string& host, const std::string& port) {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + host + "]" : host) + ":" + port;
}

Addresses resolve(const std::string& host, unsigned port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error == EAI_SYSTEM) fail(shown(host), errno);
  if (error != 0) throw Failure{shown(host) + ": " + ::gai_strerror(error)};
  return {found, &::freeaddrinfo};
}

// A socket for the first address with which `use(socket, address)` returns no error number.
template <typename Use>
Fd first_that_works(const std::string& host, unsigned port, Use use) {
  const Addresses addresses = resolve(host, port);
  int error = 0;
  for (const addrinfo* each = addresses.get(); each != nullptr; each = each->ai_next) {
    Fd socket{::socket(each->ai_family, each->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, each->ai_protocol)};
    error = socket ? use(socket, *each) : errno;
    if (error == 0) return socket;
  }
  fail(joined(shown(host), std::to_string(port)), error);
}

}  // namespace

Fd bind_to(const std::string& host, unsigned port) {
  return first_that_works(host, port, [](const Fd& socket, const addrinfo& address) {
    // Connections of the server before us may still rest in TIME_WAIT, or be served by a worker: socket(7).
    const int on = 1;
    must("SO_REUSEADDR", ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
    return ::bind(socket.get(), address.ai_addr, address.ai_addrlen) == 0 ? 0 : errno;
  });
}

Fd connect_to(const std::string& host, unsigned port, SignalPipe& signals) {
  return first_that_works(host, port, [&](const Fd& socket, const addrinfo& address) {
    if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) == 0) return 0;
    if (errno != EINPROGRESS && errno != EINTR) return errno;
    wait_for(socket.get(), POLLOUT, signals);
    int error = 0;
    socklen_t size = sizeof error;
    must("SO_ERROR", ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size));
    return error;
  });
}

std::string local_address(const Fd& socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  auto* const general = reinterpret_cast<sockaddr*>(&address);
  must("getsockname", ::getsockname(socket.get(), general, &size));
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  const int error = ::getnameinfo(general, size, host.data(), host.size(), port.data(), port.size(),
                                  NI_NUMERICHOST | NI_NUMERICSERV);
  if (error != 0) throw Failure{std::string{"getnameinfo: "} + ::gai_strerror(error)};
  return joined(host.data(), port.data());
}
