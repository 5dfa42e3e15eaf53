// client.cpp: client HOST PORT [DIRECTORY]
#include <fcntl.h>

#include <csignal>

#include "address.hpp"
#include "inbox.hpp"
#include "new_file.hpp"
#include "program.hpp"
#include "progress.hpp"
#include "wire.hpp"

namespace {

std::string receive_name(Inbox& inbox) {
  const Bytes body = inbox.train();
  std::string name{reinterpret_cast<const char*>(body.data()), body.size()};
  const bool has_slash_or_nul = name.find_first_of(std::string_view{"/\0", 2}) != std::string::npos;
  if (name.empty() || name.size() > longest_name || name == "." || name == ".." || has_slash_or_nul)
    throw Failure{"the server sends a name that is no file name: '" + shown(name) + "'"};
  return name;
}

std::uint64_t receive_size(Inbox& inbox) {
  const Bytes body = inbox.train();
  if (body.size() != sizeof(Size))
    throw Failure{"the size comes in " + std::to_string(body.size()) + " bytes: 8 are right"};
  return size_in(body);
}

// Stages 01 to 03: nobody says how much it will be.
std::uint64_t receive_content(Inbox& inbox, NewFile& file) {
  std::uint64_t received = 0;
  for (;;) {
    const Bytes body = inbox.train();
    file.append(body);
    received += body.size();
    if (content == Content::one_train || body.empty()) return received;
  }
}

// A part of a content that is to have so many bytes yet.
Bytes receive_part(Inbox& inbox, std::uint64_t missing) {
  if constexpr (content == Content::bare) return inbox.some(missing);
  const Bytes body = inbox.train();
  if (body.empty()) throw Failure{std::to_string(missing) + " bytes are missing, and an empty train comes"};
  if (body.size() > missing) throw Failure{"the server sends more than the announced size"};
  return body;
}

std::uint64_t receive_announced_content(Inbox& inbox, NewFile& file) {
  const std::uint64_t size = receive_size(inbox);
  Progress progress{size};
  progress.show(0);
  for (std::uint64_t received = 0; received < size;) {
    const Bytes part = receive_part(inbox, size - received);
    file.append(part);
    received += part.size();
    progress.show(received);
  }
  return size;
}

void check_directory(const std::string& path) {
  const Fd directory{must(shown(path), ::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC))};
}

void receive_file(const Operands& words) {
  const unsigned port = parse_number("PORT", words[1], 1, 65535);
  const std::string directory = words.size() > 2 ? words[2] : ".";
  check_directory(directory);
  SignalPipe signals{{SIGINT, SIGTERM, SIGHUP, SIGQUIT}};  // an exception removes what there is of the file
  Inbox inbox{connect_to(words[0], port, signals), signals};
  const std::string name = receive_name(inbox);
  NewFile file{directory};
  const std::uint64_t size =
      size_goes_first ? receive_announced_content(inbox, file) : receive_content(inbox, file);
  file.keep_as(name);
  say("received " + shown(name) + ", " + std::to_string(size) + " bytes");
}

}  // namespace

int main(int argc, char** argv) {
  static constexpr std::string_view usage =
      "usage: client HOST PORT [DIRECTORY]\n"
      "  HOST PORT  where the server listens\n"
      "  DIRECTORY  where the file is saved, if not in the current one";
  return run_program({"client", usage, 2, 3, receive_file}, argc, argv);
}
