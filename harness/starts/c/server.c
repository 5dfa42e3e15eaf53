// server.c: sends FILE to whoever connects, one client after the other.
//
//   server HOST PORT WORKERS FILE
//
// What is left to do is marked TODO, with the steps of "Build it" on the page of this stage.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plumbing/command_line.h"
#include "plumbing/network.h"
#include "plumbing/report.h"

enum { CONTENT_MAX = 1000 };

struct arguments {
  const char* host;  // name or address to listen on
  const char* port;  // "0" to "65535"; "0" asks the kernel for a free one
  unsigned workers;  // 1 to 512; TODO step 4: processes that send the file
  const char* file;  // what every client gets: at most 1000 bytes
};

const char* program_name = "server";

// TODO step 2: the name of the file goes first, and name and content each in a train (a new file, train.c).
// TODO step 7: a FILE that can't be sent is refused before anybody connects.
static void send_file(int connection, const char* path) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file == -1) die("%s: %s", path, strerror(errno));
  char content[CONTENT_MAX];
  const ssize_t size = read(file, content, sizeof content);
  if (size == -1) die("%s: %s", path, strerror(errno));
  if (send(connection, content, (size_t)size, 0) == -1) die("send: %s", strerror(errno));
  close(file);
}

static void serve(const struct arguments* arguments) {
  const int listener = listen_on(arguments->host, arguments->port);
  // TODO step 4: the pool. Fork the workers here, before the first client may come.

  // TODO step 1: say on standard output where we listen: "listening on 127.0.0.1:41233" (that address is
  // local_address(listener, text), with char text[ADDRESS_MAX]), and flush. Whoever has started us waits for this
  // line.

  // TODO steps 5 and 6: hand each connection to a worker that is idle, and wait for all of them with epoll.
  while (1) {
    const int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection == -1) die("accept: %s", strerror(errno));
    send_file(connection, arguments->file);
    close(connection);
  }
}

int main(int argc, char* argv[]) {
  const char* usage = "usage: server HOST PORT WORKERS FILE";
  char** words = parse_operands(argc, argv, 4, 4, usage);
  parse_number("PORT", words[1], 0, 65535, usage);
  const struct arguments arguments = {
      .host = words[0],
      .port = words[1],
      .workers = parse_number("WORKERS", words[2], 1, 512, usage),
      .file = words[3],
  };
  serve(&arguments);
}
