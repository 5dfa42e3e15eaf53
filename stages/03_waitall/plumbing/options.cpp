// options.cpp
#include "plumbing/options.hpp"

#include "plumbing/command_line.hpp"

const char* const server_usage =
    "usage: server HOST PORT WORKERS FILE\n"
    "  HOST PORT  where to listen; port 0 asks the kernel for a free one\n"
    "  WORKERS    processes in the pool, 1 to 512\n"
    "  FILE       what every client gets";

const char* const client_usage =
    "usage: client [--receive=exact|waitall] HOST PORT [DIRECTORY]\n"
    "  HOST PORT  where the server listens\n"
    "  DIRECTORY  where to save the file (default: the current one)\n"
    "  --receive  exact (default) repeats recv until all is there; waitall trusts one recv with MSG_WAITALL";

namespace {

Receive parse_receive(const std::string& name) {
  if (name == "exact") return receive_exactly;
  if (name == "waitall") return receive_waitall;
  throw UsageError("--receive must be exact or waitall, not '" + name + "'");
}

}  // namespace

ServerOptions parse_server_options(int argc, char* argv[]) {
  const CommandLine line = parse_command_line(argc, argv, {server_usage, {}, 4, 4});
  ServerOptions options;
  options.host = line.operands[0];
  options.port = std::to_string(parse_number("PORT", line.operands[1], 0, 65535));
  options.workers = parse_number("WORKERS", line.operands[2], 1, 512);
  options.file = line.operands[3];
  return options;
}

ClientOptions parse_client_options(int argc, char* argv[]) {
  const CommandLine line = parse_command_line(argc, argv, {client_usage, {"receive="}, 2, 3});
  ClientOptions options;
  options.host = line.operands[0];
  options.port = std::to_string(parse_number("PORT", line.operands[1], 1, 65535));
  options.directory = line.operands.size() == 3 ? line.operands[2] : ".";
  options.receive = parse_receive(line.value_of("receive", "exact"));
  return options;
}
