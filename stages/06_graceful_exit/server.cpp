// server.cpp: a file server with a pre-forked pool of workers.
//
//   server [OPTIONS] HOST PORT WORKERS FILE
//
// Read on in pool.cpp (the parent), worker.cpp (a worker), send_file.cpp (what goes over the wire).
#include <csignal>

#include "plumbing/command_line.hpp"
#include "plumbing/network.hpp"
#include "plumbing/options.hpp"
#include "plumbing/output.hpp"
#include "plumbing/start.hpp"
#include "pool.hpp"
#include "send_file.hpp"
#include "stall.hpp"

int main(int argc, char* argv[]) {
  try {
    start_program();
    block_signals();  // before all else: from here on none is lost, and none ends us half-way
    const ServerOptions options = parse_server_options(argc, argv);
    check_file(options.file);
    Descriptor listener = listen_on(options.host, options.port);
    drop_when_stalled(listener.get(), options.stall_timeout);
    const std::string address = local_address(listener.get());
    ::signal(SIGPIPE, SIG_IGN);  // a client that is gone is an error of send (EPIPE), not our end
    Pool pool{std::move(listener), options};
    if (!print_line("listening on " + address))
      log("server: listening on " + address + ", and standard output takes no line");
    pool.serve();
    return 0;
  } catch (const UsageError& error) {
    report(std::string("server: ") + error.what() + '\n' + server_usage);
    return 2;
  } catch (const std::exception& error) {
    report(std::string("server: ") + error.what());
    return 1;
  }
}
