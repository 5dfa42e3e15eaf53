// options.cpp
#include "plumbing/options.hpp"

#include "plumbing/command_line.hpp"

const char* const server_usage =
    "usage: server HOST PORT WORKERS FILE\n"
    "  HOST PORT  where to listen; port 0 asks the kernel for a free one\n"
    "  WORKERS    processes in the pool, 1 to 512\n"
    "  FILE       what every client gets";

const char* const client_usage =
    "usage: client HOST PORT [DIRECTORY]\n"
    "  HOST PORT  where the server listens\n"
    "  DIRECTORY  where to save the file (default: the current one)";

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
  const CommandLine line = parse_command_line(argc, argv, {client_usage, {}, 2, 3});
  ClientOptions options;
  options.host = line.operands[0];
  options.port = std::to_string(parse_number("PORT", line.operands[1], 1, 65535));
  options.directory = line.operands.size() == 3 ? line.operands[2] : ".";
  return options;
}
