#include "worker.h"

#include <stdlib.h>
#include <unistd.h>

#include "channel.h"
#include "send_file.h"

enum { CHANNEL = STDERR_FILENO + 1 };

_Noreturn void run_worker(int channel, const char* file) {
  // Nothing of the parent's may stay open here: neither the listener, which would keep the port, nor a client that
  // waits, nor the parent's end of any channel, which would keep that worker from seeing the parent's end.
  dup2(channel, CHANNEL);
  closefrom(CHANNEL + 1);
  int connection;
  while (say_idle(CHANNEL) && await_connection(CHANNEL, &connection)) {
    send_file(connection, file);
    close(connection);  // first: who is idle has no client
  }
  _exit(EXIT_SUCCESS);
}
