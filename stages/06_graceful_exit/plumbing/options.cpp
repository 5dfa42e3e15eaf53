// options.cpp
#include "plumbing/options.hpp"

#include "plumbing/command_line.hpp"

const char* const server_usage =
    "usage: server [--send=copy|mmap|sendfile|splice] [--drain-timeout=SECONDS] [--stall-timeout=SECONDS]\n"
    "              HOST PORT WORKERS FILE\n"
    "  HOST PORT  where to listen; port 0 asks the kernel for a free one\n"
    "  WORKERS    processes in the pool, 1 to 512\n"
    "  FILE       what every client gets\n"
    "  --send     how its bytes come to the socket (default: sendfile)\n"
    "  --drain-timeout  how long transfers may go on after SIGTERM (default: 30; 0: not at all)\n"
    "  --stall-timeout  a client that takes not one byte for so long is dropped (default: 30)";

const char* const client_usage =
    "usage: client [--receive=copy|mmap|splice] HOST PORT [DIRECTORY]\n"
    "  HOST PORT  where the server listens\n"
    "  DIRECTORY  where to save the file (default: the current one)\n"
    "  --receive  how the bytes come to the file (default: splice)";

namespace {

constexpr std::size_t one_day = 86400;

std::chrono::seconds parse_seconds(const CommandLine& line, const std::string& name, std::size_t least) {
  return std::chrono::seconds{parse_number("--" + name, line.value_of(name, "30"), least, one_day)};
}

}  // namespace

ServerOptions parse_server_options(int argc, char* argv[]) {
  const CommandLine line =
      parse_command_line(argc, argv, {server_usage, {"send=", "drain-timeout=", "stall-timeout="}, 4, 4});
  ServerOptions options;
  options.host = line.operands[0];
  options.port = std::to_string(parse_number("PORT", line.operands[1], 0, 65535));
  options.workers = parse_number("WORKERS", line.operands[2], 1, 512);
  options.file = line.operands[3];
  options.send = find_send_content(line.value_of("send", "sendfile"));
  options.drain_timeout = parse_seconds(line, "drain-timeout", 0);
  options.stall_timeout = parse_seconds(line, "stall-timeout", 1);
  return options;
}

ClientOptions parse_client_options(int argc, char* argv[]) {
  const CommandLine line = parse_command_line(argc, argv, {client_usage, {"receive="}, 2, 3});
  ClientOptions options;
  options.host = line.operands[0];
  options.port = std::to_string(parse_number("PORT", line.operands[1], 1, 65535));
  options.directory = line.operands.size() == 3 ? line.operands[2] : ".";
  options.receive = find_receive_content(line.value_of("receive", "splice"));
  return options;
}
