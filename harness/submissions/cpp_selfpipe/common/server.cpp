// server.cpp: server HOST PORT WORKERS FILE
#include "address.hpp"
#include "dispatcher.hpp"
#include "program.hpp"
#include "source_file.hpp"

int main(int argc, char** argv) {
  static constexpr std::string_view usage =
      "usage: server HOST PORT WORKERS FILE\n"
      "  HOST PORT  where to listen; the kernel chooses if PORT is 0\n"
      "  WORKERS    how many clients are served at once, 1 to 512\n"
      "  FILE       what every client gets";
  const auto serve = [](const Operands& words) {
    const unsigned port = parse_number("PORT", words[1], 0, 65535);
    const unsigned workers = parse_number("WORKERS", words[2], 1, 512);
    const SourceFile probe{words[3]};  // said at once, and not when the first client comes
    Dispatcher{bind_to(words[0], port), workers, words[3]}.run();
  };
  return run_program({"server", usage, 4, 4, serve}, argc, argv);
}
