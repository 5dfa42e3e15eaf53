// worker.cpp: see _exit(2): exit(3) would flush the parent's buffers a second time.
#include "worker.hpp"

#include "channel.hpp"
#include "plumbing/output.hpp"
#include "send_file.hpp"

namespace {

/// One transfer. An error, such as a file that is gone, costs this connection and nothing else.
void serve(int connection, const ServerOptions& options) {
  try {
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
