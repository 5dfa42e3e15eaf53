// server HOST PORT WORKERS FILE
#include <unistd.h>

#include "command_line.h"
#include "network.h"
#include "patience.h"
#include "pool.h"
#include "report.h"
#include "send_file.h"

static const char usage[] =
    "usage: server [--drain-timeout=SECONDS] [--stall-timeout=SECONDS] HOST PORT WORKERS FILE\n"
    "  HOST PORT  where to listen; port 0 asks the kernel for a free one\n"
    "  WORKERS    processes in the pool, 1 to 512\n"
    "  FILE       what every client gets\n"
    "  --drain-timeout  how long transfers may go on after SIGTERM (30)\n"
    "  --stall-timeout  how long a client may take nothing (30)\n";

const char* program_name = "server";

enum { DAY = 24 * 60 * 60 };
unsigned drain_timeout = 30;
unsigned stall_timeout = 30;

int main(int argc, char* argv[]) {
  prepare_signals();
  static const struct setting settings[] = {{"drain-timeout", 0, DAY, &drain_timeout},
                                            {"stall-timeout", 1, DAY, &stall_timeout},
                                            {NULL, 0, 0, NULL}};
  char** words = operands(argc, argv, settings, 4, 4, usage);
  const char *host = words[0], *port = words[1], *path = words[3];
  number("PORT", port, 0, 65535, usage);
  const unsigned workers = number("WORKERS", words[2], 1, WORKERS_MAX, usage);
  uint64_t size;
  const int file = open_file(path, &size);
  if (file == -1) return 1;
  close(file);
  return run_pool(listen_on(host, port), workers, path);
}
