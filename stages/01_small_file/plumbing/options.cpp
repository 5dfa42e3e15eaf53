// options.cpp: the words of a command line, checked and put in their places.
#include "plumbing/options.hpp"

#include "plumbing/command_line.hpp"

const std::string server_usage =
    "usage: server [--raw] HOST PORT WORKERS FILE\n"
    "  HOST PORT  where to listen; port 0 asks the kernel for a free one\n"
    "  WORKERS    processes in the pool, 1 to 512\n"
    "  FILE       what every client gets: a file of at most 1000 bytes\n"
    "  --raw      send name and content bare, without trains, to see what goes wrong";

const std::string client_usage =
    "usage: client [--raw] HOST PORT [DIRECTORY]\n"
    "  HOST PORT  where the server listens\n"
    "  DIRECTORY  where to save the file (default: the current one)\n"
    "  --raw      receive name and content bare, without trains, to see what goes wrong";

ServerOptions parse_server_options(int argc, char* argv[]) {
  const CommandLine line =
      parse_command_line(argc, argv, server_usage, 4, 4, {{"raw", no_argument, nullptr, 0}});
  return {.host = line.operands[0],
          .port = std::to_string(parse_number("PORT", line.operands[1], 0, 65535)),
          .workers = parse_number("WORKERS", line.operands[2], 1, 512),
          .file = line.operands[3],
          .raw = line.options.contains("raw")};
}

ClientOptions parse_client_options(int argc, char* argv[]) {
  const CommandLine line =
      parse_command_line(argc, argv, client_usage, 2, 3, {{"raw", no_argument, nullptr, 0}});
  return {.host = line.operands[0],
          .port = std::to_string(parse_number("PORT", line.operands[1], 1, 65535)),
          .directory = line.operands.size() == 3 ? line.operands[2] : ".",
          .raw = line.options.contains("raw")};
}
