// command_line.hpp: options and operands of a command line, in the way of getopt_long(3).
#pragma once

#include <cstddef>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

/// A command line that can't be understood: what() says why; the program answers with its usage and status 2.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct CommandLine {
  std::map<std::string, std::string> options;  // {"raw", ""} for --raw, {"send", "mmap"} for --send=mmap
  std::vector<std::string> operands;

  /// The value given to option `name`, or `otherwise` where it was not given.
  [[nodiscard]] std::string value_of(const std::string& name, const std::string& otherwise) const;
};

/// What a program understands. A known option that takes a value is written with "=": {"raw", "send="}.
struct Syntax {
  std::string usage;
  std::vector<std::string> known;
  std::size_t least_operands;
  std::size_t most_operands;
};

/// Throws UsageError. For --help it prints the usage on standard output and ends the program with status 0.
CommandLine parse_command_line(int argc, char* argv[], const Syntax& syntax);

/// A whole decimal number from `least` to `most`, with nothing before or after it. Throws UsageError.
std::size_t parse_number(const std::string& what, const std::string& text, std::size_t least,
                         std::size_t most);
