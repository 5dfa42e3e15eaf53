#include "program.hpp"

#include <charconv>
#include <csignal>
#include <cstdio>
#include <span>

#include "system.hpp"

namespace {

class BadCommandLine : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct CommandLine {
  bool help = false;
  Operands operands;
};

CommandLine parse(std::span<char*> words) {
  CommandLine result;
  bool options_end = false;
  for (const std::string_view word : words) {
    if (options_end || word.size() < 2 || word.front() != '-')
      result.operands.emplace_back(word);
    else if (word == "--")
      options_end = true;
    else if (word == "--help")
      result.help = true;
    else
      throw BadCommandLine{"there is no option '" + shown(word) + "'"};
  }
  return result;
}

void run(const Program& program, std::span<char*> words) {
  const CommandLine line = parse(words);
  if (line.help) return say(std::string{program.usage});
  if (line.operands.size() < program.fewest) throw BadCommandLine{"an operand is missing"};
  if (line.operands.size() > program.most) throw BadCommandLine{"there are too many operands"};
  program.run(line.operands);
}

}  // namespace

int run_program(const Program& program, int argc, char** argv) {
  // A peer that is gone, and a file that may not grow, are errors of the calls that meet them: EPIPE and EFBIG.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    run(program, std::span{argv, static_cast<std::size_t>(argc)}.subspan(argc > 0 ? 1 : 0));
    return 0;
  } catch (const BadCommandLine& error) {
    log_line(program.name, std::string{error.what()}.append("\n").append(program.usage));
    return 2;
  } catch (const std::exception& error) {
    log_line(program.name, error.what());
    return 1;
  }
}

unsigned parse_number(std::string_view what, std::string_view word, unsigned least, unsigned greatest) {
  unsigned number = 0;
  const char* const end = word.data() + word.size();
  const auto [stopped_at, error] = std::from_chars(word.data(), end, number);
  if (error == std::errc{} && stopped_at == end && number >= least && number <= greatest) return number;
  throw BadCommandLine{std::string{what} + " is a number from " + std::to_string(least) + " to " +
                       std::to_string(greatest) + ", and not '" + shown(word) + "'"};
}

void say(const std::string& line) {
  if (std::printf("%s\n", line.c_str()) < 0 || std::fflush(stdout) != 0) fail("standard output", errno);
}
