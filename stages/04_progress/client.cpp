// client.cpp: receives one file and saves it.
//
//   client [OPTIONS] HOST PORT [DIRECTORY]
//
// Read on in receive_file.cpp (what comes over the wire), plumbing/target_file.cpp (how it is saved).
#include <csignal>

#include "plumbing/command_line.hpp"
#include "plumbing/network.hpp"
#include "plumbing/options.hpp"
#include "plumbing/output.hpp"
#include "plumbing/start.hpp"
#include "plumbing/target_file.hpp"
#include "receive_file.hpp"

int main(int argc, char* argv[]) {
  try {
    start_program();
    const ClientOptions options = parse_client_options(argc, argv);
    ::signal(SIGXFSZ, SIG_IGN);  // a file above the limit is an error of write(2), not our end
    const Descriptor connection = connect_to(options.host, options.port);
    const Received received = receive_file(connection.get(), options);
    const std::string line =
        "received " + printable(received.name) + ", " + std::to_string(received.size) + " bytes";
    check("write to standard output", print_line(line) ? 0 : -1);  // ENOSPC: nobody has been told
    return 0;
  } catch (const UsageError& error) {
    report(std::string("client: ") + error.what() + '\n' + client_usage);
    return 2;
  } catch (const std::exception& error) {
    report(std::string("client: ") + error.what());
    return 1;
  }
}
