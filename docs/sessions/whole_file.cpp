// whole_file.cpp: a whole file in one call on each side. A child maps FILE and sends it with one send; the parent reserves
// room for COPY, maps it, and receives everything with one recv. See mmap(2), send(2), recv(2), posix_fallocate(3).
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace {

long check(const char* what, long result) {
  if (result != -1) return result;
  std::perror(what);
  std::exit(1);
}

void* map(int file, size_t size, int protection) {
  void* const start = mmap(nullptr, size, protection, MAP_SHARED, file, 0);
  check("mmap", start == MAP_FAILED ? -1 : 0);
  return start;
}

void send_whole(int connection, const char* name, size_t size) {
  const int file = static_cast<int>(check(name, open(name, O_RDONLY | O_CLOEXEC)));
  void* const bytes = map(file, size, PROT_READ);
  const long sent = check("send", send(connection, bytes, size, MSG_NOSIGNAL));
  check("munmap", munmap(bytes, size));
  std::printf("send: asked for %zu, moved %ld\n", size, sent);
}

long receive_whole(int connection, const char* name, size_t size) {
  const int flags =
      O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC;  // to write to a mapping takes the right to read, too
  const int file = static_cast<int>(check(name, open(name, flags, 0666)));
  const int error = posix_fallocate(file, 0, static_cast<off_t>(size));  // returned, not in errno
  if (error != 0) {
    std::printf("posix_fallocate: error %d\n", error);
    std::exit(1);
  }
  void* const room = map(file, size, PROT_READ | PROT_WRITE);
  const long got = check("recv", recv(connection, room, size, MSG_WAITALL));
  check("munmap", munmap(room, size));
  return got;
}

}  // namespace

int main(int argc, char* argv[]) {
  if (argc != 3) {
    std::puts("usage: whole_file FILE COPY");
    return 2;
  }
  struct stat about {};
  check(argv[1], stat(argv[1], &about));
  const auto size = static_cast<size_t>(about.st_size);

  const int listener = static_cast<int>(check("socket", socket(AF_INET, SOCK_STREAM, 0)));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  check("bind", bind(listener, generic, length));
  check("listen", listen(listener, 1));
  check("getsockname", getsockname(listener, generic, &length));
  if (check("fork", fork()) == 0) {
    const int connection = static_cast<int>(check("socket", socket(AF_INET, SOCK_STREAM, 0)));
    check("connect", connect(connection, generic, length));
    send_whole(connection, argv[1], size);
    return 0;
  }
  const int connection = static_cast<int>(check("accept", accept(listener, nullptr, nullptr)));
  const long got = receive_whole(connection, argv[2], size);
  close(connection);
  wait(nullptr);  // the child has its say first
  std::printf("recv: asked for %zu, moved %ld\n", size, got);
}
