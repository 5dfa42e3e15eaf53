#include "network.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "report.h"

// Listens on one address, or connects to it. False if that can't be done: errno.
typedef bool Use(int socket, const struct addrinfo* address);

static bool use_to_listen(int socket, const struct addrinfo* address) {
  const int on = 1;  // else the connections of the server before, in TIME_WAIT, would keep the port
  return setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
         bind(socket, address->ai_addr, address->ai_addrlen) == 0 && listen(socket, SOMAXCONN) == 0;
}

static bool use_to_connect(int socket, const struct addrinfo* address) {
  return connect(socket, address->ai_addr, address->ai_addrlen) == 0;
}

static int first_that_works(const char* host, const char* port, int flags, int type, Use* use,
                            const char* what) {
  const struct addrinfo hints = {.ai_flags = flags | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
  struct addrinfo* addresses = NULL;
  const int error = getaddrinfo(host, port, &hints, &addresses);
  if (error != 0) die("%s: %s", host, error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
  int cause = 0;
  for (const struct addrinfo* each = addresses; each != NULL; each = each->ai_next) {
    const int found = socket(each->ai_family, each->ai_socktype | type, each->ai_protocol);
    if (found != -1 && use(found, each)) {
      freeaddrinfo(addresses);
      return found;
    }
    cause = errno;
    if (found != -1) close(found);
  }
  freeaddrinfo(addresses);
  die("can't %s %s port %s: %s", what, host, port, strerror(cause));
}

int listen_on(const char* host, const char* port) {
  // Not blocking: a client that goes away between poll and accept must not hold the parent.
  return first_that_works(host, port, AI_PASSIVE, SOCK_CLOEXEC | SOCK_NONBLOCK, use_to_listen, "listen on");
}

int connect_to(const char* host, const char* port) {
  return first_that_works(host, port, 0, SOCK_CLOEXEC, use_to_connect, "connect to");
}

bool tell_address(int listener) {
  struct sockaddr_storage address;
  socklen_t size = sizeof address;
  char host[NI_MAXHOST], port[NI_MAXSERV];
  if (getsockname(listener, (struct sockaddr*)&address, &size) == -1 ||
      getnameinfo((struct sockaddr*)&address, size, host, sizeof host, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return false;
  return tell(address.ss_family == AF_INET6 ? "listening on [%s]:%s" : "listening on %s:%s", host, port);
}
