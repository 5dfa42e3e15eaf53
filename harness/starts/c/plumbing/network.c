// network.c: see getaddrinfo(3), socket(2), bind(2), listen(2), connect(2), getnameinfo(3), socket(7).
#include "plumbing/network.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plumbing/report.h"

static bool listens(int socket, const struct addrinfo* address) {
  const int on = 1;
  // Without it, bind fails for a minute after an exit: connections of the last run rest in TIME_WAIT.
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return bind(socket, address->ai_addr, address->ai_addrlen) == 0 && listen(socket, SOMAXCONN) == 0;
}

static bool connects(int socket, const struct addrinfo* address) {
  return connect(socket, address->ai_addr, address->ai_addrlen) == 0;
}

typedef bool Works(int socket, const struct addrinfo* address);

// The first address of the host with which `works` succeeds.
static int first_that(Works* works, const char* host, const char* port, int flags, const char* what) {
  const struct addrinfo hints = {.ai_flags = flags | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
  struct addrinfo* addresses = NULL;
  const int error = getaddrinfo(host, port, &hints, &addresses);
  if (error != 0) die("resolve %s: %s", host, gai_strerror(error));
  int cause = 0;
  for (const struct addrinfo* each = addresses; each != NULL; each = each->ai_next) {
    const int found = socket(each->ai_family, each->ai_socktype | SOCK_CLOEXEC, each->ai_protocol);
    if (found != -1 && works(found, each)) {
      freeaddrinfo(addresses);
      return found;
    }
    cause = errno;
    if (found != -1) close(found);
  }
  die("%s %s:%s: %s", what, host, port, strerror(cause));
}

int listen_on(const char* host, const char* port) {
  return first_that(listens, host, port, AI_PASSIVE, "listen on");
}

int connect_to(const char* host, const char* port) {
  return first_that(connects, host, port, 0, "connect to");
}

const char* local_address(int socket, char text[ADDRESS_MAX]) {
  struct sockaddr_storage address = {0};
  socklen_t size = sizeof address;
  char host[ADDRESS_MAX / 2], port[NI_MAXSERV];
  if (getsockname(socket, (struct sockaddr*)&address, &size) == -1) die("getsockname: %s", strerror(errno));
  const int error = getnameinfo((struct sockaddr*)&address, size, host, sizeof host, port, sizeof port,
                                NI_NUMERICHOST | NI_NUMERICSERV);
  if (error != 0) die("getnameinfo: %s", gai_strerror(error));
  snprintf(text, ADDRESS_MAX, address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
  return text;
}
