// client HOST PORT [DIRECTORY]
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "command_line.h"
#include "network.h"
#include "receive_file.h"
#include "report.h"

static const char usage[] =
    "usage: client HOST PORT [DIRECTORY]\n"
    "  HOST PORT  where the server listens\n"
    "  DIRECTORY  where the file is saved (default: the current one)\n";

const char* program_name = "client";

int main(int argc, char* argv[]) {
  signal(SIGXFSZ, SIG_IGN);  // a file that may not grow any more is a failed write, not the end
  signal(SIGPIPE, SIG_IGN);  // and so is a standard output that nobody reads any more
  static const struct setting none[] = {{NULL, 0, 0, NULL}};
  char** words = operands(argc, argv, none, 2, 3, usage);
  const char *host = words[0], *port = words[1], *path = words[2] != NULL ? words[2] : ".";
  number("PORT", port, 1, 65535, usage);
  const int directory = open(path, O_DIRECTORY | O_CLOEXEC);
  if (directory == -1) die("%s: %s", path, strerror(errno));
  char name[BODY_MAX + 1];
  const uint64_t size = receive_file(connect_to(host, port), directory, name);
  if (!tell("received %s, %" PRIu64 " bytes", name, size)) die("standard output: %s", strerror(errno));
  return 0;
}
