// server.cpp: sends FILE to whoever connects, one client after the other.
//
//   server HOST PORT WORKERS FILE
//
// What is left to do is marked TODO, with the steps of "Build it" on the page of this stage.
#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <iostream>

#include "plumbing/command_line.hpp"
#include "plumbing/network.hpp"
#include "plumbing/system.hpp"

namespace {

struct Arguments {
  std::string host;  // name or address to listen on
  std::string port;  // "0" to "65535"; "0" asks the kernel for a free one
  std::size_t workers = 1;  // 1 to 512; TODO step 4: processes that send the file
  std::string file;  // what every client gets: at most 1000 bytes
};

// TODO step 2: the name of the file goes first, and name and content each in a train (a new file, train.cpp).
// TODO step 7: a FILE that can't be sent is refused before anybody connects.
void send_file(int connection, const std::string& path) {
  const Descriptor file{check(path, ::open(path.c_str(), O_RDONLY | O_CLOEXEC))};
  std::array<std::byte, 1000> content{};
  const ssize_t size = check(path, ::read(file.get(), content.data(), content.size()));
  check("send", ::send(connection, content.data(), static_cast<std::size_t>(size), 0));
}

void serve(const Arguments& arguments) {
  const Descriptor listener = listen_on(arguments.host, arguments.port);
  // TODO step 4: the pool. Fork the workers here, before the first client may come.

  // TODO step 1: say on standard output where we listen: "listening on 127.0.0.1:41233" (that address is
  // local_address(listener.get())), and flush. Whoever has started us waits for this line.

  // TODO steps 5 and 6: hand each connection to a worker that is idle, and wait for all of them with epoll.
  while (true) {
    const Descriptor connection{check("accept", ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC))};
    send_file(connection.get(), arguments.file);
  }
}

Arguments parse(int argc, char* argv[]) {
  const std::vector<std::string> words = parse_operands(argc, argv, 4, 4);
  return {.host = words[0],
          .port = std::to_string(parse_number("PORT", words[1], 0, 65535)),
          .workers = parse_number("WORKERS", words[2], 1, 512),
          .file = words[3]};
}

}  // namespace

int main(int argc, char* argv[]) {
  try {
    serve(parse(argc, argv));
  } catch (const UsageError& error) {
    std::cerr << "server: " << error.what() << "\nusage: server HOST PORT WORKERS FILE\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "server: " + std::string(error.what()) + '\n';  // in one write
    return 1;
  }
}
