// options.cpp: the words of a command line, checked and put in their places.
#include "plumbing/options.hpp"

#include "plumbing/command_line.hpp"

const std::string server_usage =
    "usage: server HOST PORT WORKERS FILE\n"
    "  HOST PORT  where to listen; port 0 asks the kernel for a free one\n"
    "  WORKERS    processes in the pool, 1 to 512\n"
    "  FILE       what every client gets";

const std::string client_usage =
    "usage: client [--receive=exact|waitall] HOST PORT [DIRECTORY]\n"
    "  HOST PORT  where the server listens\n"
    "  DIRECTORY  where to save the file (default: the current one)\n"
    "  --receive  exact (default) repeats recv until all is there; waitall trusts one recv with MSG_WAITALL";

namespace {

/// What --receive names, or `otherwise` where it was not given.
Receive parse_receive(const CommandLine& line, Receive otherwise) {
  const auto given = line.options.find("receive");
  if (given == line.options.end()) return otherwise;
  if (given->second == "exact") return receive_exactly;
  if (given->second == "waitall") return receive_waitall;
  throw UsageError("--receive must be exact or waitall, not '" + given->second + "'");
}

}  // namespace

ServerOptions parse_server_options(int argc, char* argv[]) {
  const CommandLine line = parse_command_line(argc, argv, server_usage, 4, 4);
  return {.host = line.operands[0],
          .port = std::to_string(parse_number("PORT", line.operands[1], 0, 65535)),
          .workers = parse_number("WORKERS", line.operands[2], 1, 512),
          .file = line.operands[3]};
}

ClientOptions parse_client_options(int argc, char* argv[]) {
  const CommandLine line =
      parse_command_line(argc, argv, client_usage, 2, 3, {{"receive", required_argument, nullptr, 0}});
  return {.host = line.operands[0],
          .port = std::to_string(parse_number("PORT", line.operands[1], 1, 65535)),
          .directory = line.operands.size() == 3 ? line.operands[2] : ".",
          .receive = parse_receive(line, ClientOptions{}.receive)};
}
