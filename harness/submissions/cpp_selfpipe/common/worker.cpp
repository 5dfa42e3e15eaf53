#include "worker.hpp"

#include <unistd.h>

#include "handover.hpp"
#include "outbox.hpp"
#include "source_file.hpp"

namespace {

std::string our_name() { return "server: worker " + std::to_string(::getpid()); }

// Pieces of this size don't mix with those of others in the pipe: PIPE_BUF of pipe(7). False if nobody reads it.
bool say_idle(const Fd& idle) {
  const pid_t pid = ::getpid();
  return uninterrupted([&] { return ::write(idle.get(), &pid, sizeof pid); }) == sizeof pid;
}

// Whatever goes wrong costs this one transfer.
void serve(const Fd& connection, const std::string& path) {
  try {
    if (!connection) throw Failure{"no room for another descriptor"};
    const SourceFile file{path};
    Outbox outbox{connection};
    file.send(outbox);
  } catch (const std::exception& error) {
    log_line(our_name(), std::string{"a client is dropped: "} + error.what());
  }
}

}  // namespace

void work(const Fd& channel, const Fd& idle, const std::string& path) {
  while (say_idle(idle)) {
    const std::optional<Fd> connection = take_over(channel);
    if (!connection) return;
    serve(*connection, path);
  }
}
