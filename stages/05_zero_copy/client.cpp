// client.cpp: receives one file and saves it.
//
//   client [OPTIONS] HOST PORT [DIRECTORY]
//
// Read on in receive_file.cpp (what comes over the wire), plumbing/target_file.cpp (how it is saved).
#include <csignal>

#include "plumbing/command_line.hpp"
#include "plumbing/network.hpp"
#include "plumbing/options.hpp"
#include "plumbing/target_file.hpp"
#include "receive_file.hpp"

int main(int argc, char* argv[]) {
  try {
    const ClientOptions options = parse_client_options(argc, argv);
    ::signal(SIGXFSZ, SIG_IGN);  // a file above the limit is an error of write(2), not our end
    const Descriptor connection = connect_to(options.host, options.port);
    const Received received = receive_file(connection.get(), options);
    std::cout << "received " << printable(received.name) << ", " << received.size << " bytes" << std::endl;
    check("write to standard output", std::cout ? 0 : -1);  // ENOSPC: nobody has been told
    return 0;
  } catch (const UsageError& error) {
    log(std::string("client: ") + error.what() + '\n' + client_usage);
    return 2;
  } catch (const std::exception& error) {
    log(std::string("client: ") + error.what());
    return 1;
  }
}
