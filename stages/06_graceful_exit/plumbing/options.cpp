// options.cpp: the words of a command line, checked and put in their places.
#include "plumbing/options.hpp"

#include <algorithm>

#include "plumbing/command_line.hpp"

namespace {

/// `usage` with a default in place of each %.
std::string with_defaults(std::string usage, const std::vector<std::string>& defaults) {
  for (const std::string& each : defaults) usage.replace(usage.find('%'), 1, each);
  return usage;
}

std::string name_of(auto way, const auto& ways) {
  const auto has_it = [way](const auto& each) { return each.second == way; };
  return std::string(std::find_if(ways.begin(), ways.end(), has_it)->first);
}

/// The way that --`option` names, or `otherwise` where it was not given.
template <typename Way>
Way parse_way(const CommandLine& line, const std::string& option, const auto& ways, Way otherwise) {
  const auto given = line.options.find(option);
  if (given == line.options.end()) return otherwise;
  std::string names;
  for (const auto& [name, way] : ways) {
    if (name == given->second) return way;
    if (!names.empty()) names += name == ways.back().first ? " or " : ", ";
    names += name;
  }
  throw UsageError("--" + option + " must be " + names + ", not '" + given->second + "'");
}

constexpr std::size_t one_day = 86400;

/// The seconds that --`option` names, or `otherwise` where it was not given.
std::chrono::seconds parse_seconds(const CommandLine& line, const std::string& option, std::size_t least,
                                   std::chrono::seconds otherwise) {
  const auto given = line.options.find(option);
  if (given == line.options.end()) return otherwise;
  return std::chrono::seconds{parse_number("--" + option, given->second, least, one_day)};
}

}  // namespace

const std::string server_usage = with_defaults(
    "usage: server [--send=copy|mmap|sendfile|splice] [--drain-timeout=SECONDS] [--stall-timeout=SECONDS]\n"
    "              HOST PORT WORKERS FILE\n"
    "  HOST PORT  where to listen; port 0 asks the kernel for a free one\n"
    "  WORKERS    processes in the pool, 1 to 512\n"
    "  FILE       what every client gets\n"
    "  --send     how its bytes come to the socket (default: %)\n"
    "  --drain-timeout  how long transfers may go on after SIGTERM (default: %; 0: not at all)\n"
    "  --stall-timeout  a client that takes not one byte for so long is dropped (default: %)",
    {name_of(ServerOptions{}.send, ways_to_send), std::to_string(ServerOptions{}.drain_timeout.count()),
     std::to_string(ServerOptions{}.stall_timeout.count())});

const std::string client_usage = with_defaults(
    "usage: client [--receive=copy|mmap|splice] HOST PORT [DIRECTORY]\n"
    "  HOST PORT  where the server listens\n"
    "  DIRECTORY  where to save the file (default: the current one)\n"
    "  --receive  how the bytes come to the file (default: %)",
    {name_of(ClientOptions{}.receive, ways_to_receive)});

ServerOptions parse_server_options(int argc, char* argv[]) {
  const CommandLine line = parse_command_line(argc, argv, server_usage, 4, 4,
                                              {{"send", required_argument, nullptr, 0},
                                               {"drain-timeout", required_argument, nullptr, 0},
                                               {"stall-timeout", required_argument, nullptr, 0}});
  return {.host = line.operands[0],
          .port = std::to_string(parse_number("PORT", line.operands[1], 0, 65535)),
          .workers = parse_number("WORKERS", line.operands[2], 1, 512),
          .file = line.operands[3],
          .send = parse_way(line, "send", ways_to_send, ServerOptions{}.send),
          .drain_timeout = parse_seconds(line, "drain-timeout", 0, ServerOptions{}.drain_timeout),
          .stall_timeout = parse_seconds(line, "stall-timeout", 1, ServerOptions{}.stall_timeout)};
}

ClientOptions parse_client_options(int argc, char* argv[]) {
  const CommandLine line =
      parse_command_line(argc, argv, client_usage, 2, 3, {{"receive", required_argument, nullptr, 0}});
  return {.host = line.operands[0],
          .port = std::to_string(parse_number("PORT", line.operands[1], 1, 65535)),
          .directory = line.operands.size() == 3 ? line.operands[2] : ".",
          .receive = parse_way(line, "receive", ways_to_receive, ClientOptions{}.receive)};
}
