// command_line.hpp: options and operands of a command line. See getopt_long(3), std::from_chars.
#pragma once

#include <getopt.h>

#include <charconv>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "plumbing/output.hpp"

/// A command line that can't be understood: what() says why; the program answers with its usage and status 2.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct CommandLine {
  std::map<std::string, std::string> options;  // {"raw", ""} for --raw, {"send", "mmap"} for --send=mmap
  std::vector<std::string> operands;
};

/// Takes `least` to `most` operands and the options of `known`, a table of getopt_long's; throws UsageError for all else.
/// For --help it prints the usage on standard output and ends the program with status 0.
inline CommandLine parse_command_line(int argc, char* argv[], const std::string& usage, std::size_t least,
                                      std::size_t most, std::vector<option> known = {}) {
  known.insert(known.end(), {{"help", no_argument, nullptr, 0}, {}});
  CommandLine line;
  opterr = 0;  // the message is ours
  optind = 0;  // from the start: the unit tests parse more than once
  int index = 0;
  // "-": operands come in their turn, as 1. Without it they are moved behind the options, but for POSIXLY_CORRECT.
  for (int found; (found = ::getopt_long(argc, argv, "-", known.data(), &index)) != -1;) {
    if (found == '?')
      throw UsageError("unknown option, or one without its value: " + std::string(argv[optind - 1]));
    if (found == 1)
      line.operands.emplace_back(optarg);
    else
      line.options[known[static_cast<std::size_t>(index)].name] = optarg != nullptr ? optarg : "";
  }
  if (line.options.contains("help")) std::exit(print_line(usage) ? 0 : 1);
  line.operands.insert(line.operands.end(), argv + optind, argv + argc);  // what comes after "--"
  if (line.operands.size() < least) throw UsageError("too few arguments");
  if (line.operands.size() > most) throw UsageError("too many arguments: " + line.operands[most]);
  return line;
}

/// A whole decimal number from `least` to `most`, with nothing before or after it. Throws UsageError.
inline std::size_t parse_number(const std::string& what, const std::string& text, std::size_t least,
                                std::size_t most) {
  std::size_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end || number < least || number > most)
    throw UsageError(what + " must be a number from " + std::to_string(least) + " to " +
                     std::to_string(most) + ", not '" + text + "'");
  return number;
}
