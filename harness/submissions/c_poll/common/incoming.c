#include "incoming.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "report.h"

static struct {
  int directory;
  int file;
  char name[40];  // nobody can guess it: so no server can send the same one
} incoming;

static void discard(void) { unlinkat(incoming.directory, incoming.name, 0); }

static void discard_and_die(int signal_number) {
  discard();
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

// Whatever ends the program takes the file along. (All but SIGKILL.) It may not exist yet, or any more: no harm.
static void discard_at_exit(void) {
  static const int deadly[] = {SIGHUP, SIGINT, SIGTERM};
  for (size_t i = 0; i < sizeof deadly / sizeof *deadly; ++i)
    if (signal(deadly[i], discard_and_die) == SIG_IGN) signal(deadly[i], SIG_IGN);  // nohup
  atexit(discard);
}

void open_incoming(int directory) {
  uint64_t number;
  if (getrandom(&number, sizeof number, 0) != sizeof number) die("getrandom: %s", strerror(errno));
  snprintf(incoming.name, sizeof incoming.name, ".incoming-%016" PRIx64, number);
  incoming.directory = directory;
  discard_at_exit();
  incoming.file = openat(directory, incoming.name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (incoming.file == -1) die("can't make a file: %s", strerror(errno));
}

void write_incoming(const unsigned char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t written = write(incoming.file, bytes, size);
    if (written == -1) die("write: %s", strerror(errno));
    bytes += written;
    size -= (size_t)written;
  }
}

void complete_incoming(const char* name) {
  if (close(incoming.file) == -1) die("%s: %s", name, strerror(errno));
  if (renameat(incoming.directory, incoming.name, incoming.directory, name) == -1)
    die("%s: %s", name, strerror(errno));
}
