// worker.cpp: see tcp(7) on TCP_USER_TIMEOUT; _exit(2): exit(3) would flush the parent's buffers a second time.
#include "worker.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "channel.hpp"
#include "send_file.hpp"

namespace {

/// A client that takes not one byte for so long is given up: the kernel takes the connection down, and sending
/// fails (ETIMEDOUT; EPIPE from a call that had moved some bytes before). Without it, one stalled client would
/// hold a worker for ever. The kernel keeps the time, for every way of sending.
void drop_when_stalled(int connection, std::chrono::milliseconds timeout) {
  const auto milliseconds = static_cast<unsigned>(timeout.count());
  check("setsockopt TCP_USER_TIMEOUT",
        ::setsockopt(connection, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds));
}

/// One transfer. A client that fails, or a file that is gone, costs this connection and nothing else.
void serve(int connection, const ServerOptions& options) {
  try {
    drop_when_stalled(connection, options.stall_timeout);
    send_file(connection, options);
  } catch (const std::exception& error) {
    log("server: worker " + std::to_string(::getpid()) + ": " + error.what());
  }
}

}  // namespace

void run_worker(Descriptor channel, const ServerOptions& options) {
  try {
    while (Descriptor connection = receive_descriptor(channel.get())) {
      serve(connection.get(), options);
      connection.close();  // before "idle": who is idle holds nothing
      report_idle(channel.get());
    }
  } catch (const std::exception& error) {
    log("server: worker " + std::to_string(::getpid()) + " leaves: " + error.what());
    ::_exit(1);
  }
  ::_exit(0);
}
