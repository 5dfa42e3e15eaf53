// command_line.hpp: the words of a command line, and the numbers among them. See std::from_chars.
#pragma once

#include <charconv>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

/// A command line that can't be understood: what() says why; the program answers with its usage and status 2.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The operands: `least` to `most` of them. There are no options yet. Throws UsageError.
inline std::vector<std::string> parse_operands(int argc, char* argv[], std::size_t least, std::size_t most) {
  const std::vector<std::string> words{argv + 1, argv + argc};
  for (const std::string& word : words)
    if (word.starts_with('-')) throw UsageError("unknown option: " + word);
  if (words.size() < least) throw UsageError("too few arguments");
  if (words.size() > most) throw UsageError("too many arguments: " + words[most]);
  return words;
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
