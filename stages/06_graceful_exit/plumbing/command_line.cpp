// command_line.cpp: see getopt_long(3), std::from_chars.
#include "plumbing/command_line.hpp"

#include <getopt.h>

#include <charconv>
#include <cstdlib>
#include <iostream>

namespace {

/// Names and "takes a value?" as getopt_long wants them; the names stay in `names`, which must live as long.
std::vector<option> for_getopt(std::vector<std::string>& names) {
  std::vector<option> known;
  for (std::string& name : names) {
    const bool takes_value = name.ends_with('=');
    if (takes_value) name.pop_back();
    known.push_back({name.c_str(), takes_value ? required_argument : no_argument, nullptr, 0});
  }
  known.push_back({});
  return known;
}

}  // namespace

std::string CommandLine::value_of(const std::string& name, const std::string& otherwise) const {
  const auto found = options.find(name);
  return found == options.end() ? otherwise : found->second;
}

CommandLine parse_command_line(int argc, char* argv[], const Syntax& syntax) {
  std::vector<std::string> names = syntax.known;
  names.emplace_back("help");
  const std::vector<option> known = for_getopt(names);

  CommandLine line;
  opterr = 0;  // the message is ours
  optind = 0;  // from the start: the unit tests parse more than once
  int index = 0;
  for (int found; (found = getopt_long(argc, argv, "", known.data(), &index)) != -1;) {
    if (found == '?')
      throw UsageError("unknown option, or one without its value: " + std::string(argv[optind - 1]));
    line.options[names[static_cast<std::size_t>(index)]] = optarg != nullptr ? optarg : "";
  }
  if (line.options.contains("help")) {
    std::cout << syntax.usage << std::endl;
    std::exit(0);
  }
  line.operands.assign(argv + optind, argv + argc);
  if (line.operands.size() < syntax.least_operands) throw UsageError("too few arguments");
  if (line.operands.size() > syntax.most_operands)
    throw UsageError("too many arguments: " + line.operands[syntax.most_operands]);
  return line;
}

std::size_t parse_number(const std::string& what, const std::string& text, std::size_t least,
                         std::size_t most) {
  std::size_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end || number < least || number > most)
    throw UsageError(what + " must be a number from " + std::to_string(least) + " to " +
                     std::to_string(most) + ", not '" + text + "'");
  return number;
}
