// program.hpp: what both main functions do: read the command line, and turn what goes wrong into a status.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

using Operands = std::vector<std::string>;

struct Program {
  std::string_view name;  // begins every message
  std::string_view usage;
  std::size_t fewest, most;  // operands
  std::function<void(const Operands&)> run;
};

// The status of the program: 0; 1 after an exception; 2 for a bad command line.
int run_program(const Program& program, int argc, char** argv);

// A plain decimal number between two limits; anything else is a bad command line.
unsigned parse_number(std::string_view what, std::string_view word, unsigned least, unsigned greatest);

// A line on standard output, flushed; failing to write it is an error.
void say(const std::string& line);
