// fork_server.cpp: the simplest concurrent server, as a peer of ours: it forks for each connection. UNP 5.2.
//
//   fork_server HOST PORT WORKERS FILE      the command line of our servers; WORKERS means nothing here
//
// It sends FILE in the format of stages 05 and 06: train(name) train(size) content.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

std::string big_endian(uint64_t value, int bytes) {
  std::string text;
  while (bytes-- > 0) text += static_cast<char>(value >> (8 * bytes));
  return text;
}

std::string train(const std::string& body) { return big_endian(body.size(), 4) + body; }

void serve(int connection, const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (file == -1 || ::fstat(file, &status) == -1) return;
  const auto size = static_cast<uint64_t>(status.st_size);
  const std::string start = train(path.substr(path.rfind('/') + 1)) + train(big_endian(size, 8));
  if (::send(connection, start.data(), start.size(), MSG_NOSIGNAL | MSG_MORE) == -1) return;
  off_t offset = 0;
  while (static_cast<uint64_t>(offset) < size)
    if (::sendfile(connection, file, &offset, size - static_cast<uint64_t>(offset)) <= 0) return;
}

}  // namespace

int main(int argc, char* argv[]) {
  if (argc != 5) return std::fputs("usage: fork_server HOST PORT WORKERS FILE\n", stderr), 2;
  ::signal(SIGCHLD, SIG_IGN);  // nobody waits for the children: the kernel buries them
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::strtoul(argv[2], nullptr, 10)));
  if (::inet_pton(AF_INET, argv[1], &address.sin_addr) != 1)
    return std::fputs("HOST must be an address\n", stderr), 2;
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  socklen_t length = sizeof address;
  auto* const where = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener, where, length) == -1 || ::listen(listener, 4096) == -1) fail("listen");
  if (::getsockname(listener, where, &length) == -1) fail("getsockname");
  std::printf("listening on %s:%u\n", argv[1], ntohs(address.sin_port));
  std::fflush(stdout);
  for (;;) {
    const int connection = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection == -1) continue;
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(listener);
      serve(connection, argv[4]);
      ::_exit(0);
    }
    ::close(connection);
  }
}
