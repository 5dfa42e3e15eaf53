// one_call.cpp: asks read, write, send, recv and sendfile for 3 GiB each, in one call. See read(2), NOTES.
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace {

constexpr size_t asked = size_t{3} << 30;
constexpr size_t piece = size_t{2} << 20;

long check(const char* what, long result) {
  if (result != -1) return result;
  std::perror(what);
  std::exit(1);
}

/// 3 GiB of addresses and 2 MiB of memory: the same pages again and again.
char* wide_buffer() {
  const int pages = static_cast<int>(check("memfd_create", memfd_create("pages", 0)));
  check("ftruncate", ftruncate(pages, piece));
  char* const start =
      static_cast<char*>(mmap(nullptr, asked, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  for (size_t offset = 0; offset < asked; offset += piece)
    mmap(start + offset, piece, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, pages, 0);
  return start;
}

struct Connection {
  int here;
  int there;
};

Connection connect_to_ourselves() {
  const int listener = static_cast<int>(check("socket", socket(AF_INET, SOCK_STREAM, 0)));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  check("bind", bind(listener, generic, size));
  check("listen", listen(listener, 1));
  check("getsockname", getsockname(listener, generic, &size));
  const int there = static_cast<int>(check("socket", socket(AF_INET, SOCK_STREAM, 0)));
  check("connect", connect(there, generic, size));
  return {static_cast<int>(check("accept", accept(listener, nullptr, nullptr))), there};
}

/// A TCP connection whose other end is in the hands of a child.
template <typename Play>
int connection_to(Play play) {
  const Connection ends = connect_to_ourselves();
  if (check("fork", fork()) == 0) {
    close(ends.here);
    play(ends.there);
    _exit(0);
  }
  close(ends.there);
  return ends.here;
}

void show(const char* call, long moved) {
  std::printf("%-8s asked for %zu, moved %ld\n", call, asked, moved);
}

}  // namespace

int main() {
  char* const buffer = wide_buffer();
  const int zeros = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  show("read", check("read", read(zeros, buffer, asked)));
  show("write", check("write", write(nowhere, buffer, asked)));

  const int drained = connection_to([](int reader) {
    while (recv(reader, nullptr, piece, MSG_TRUNC) > 0) {  // MSG_TRUNC: not even copied, see tcp(7)
    }
  });
  show("send", check("send", send(drained, buffer, asked, 0)));
  const int sparse = static_cast<int>(memfd_create("sparse", MFD_CLOEXEC));
  check("ftruncate", ftruncate(sparse, asked));
  show("sendfile", check("sendfile", sendfile(drained, sparse, nullptr, asked)));
  close(drained);

  const int fed = connection_to([buffer](int writer) {
    while (send(writer, buffer, piece, MSG_NOSIGNAL) > 0) {
    }
  });
  show("recv", check("recv", recv(fed, buffer, asked, MSG_WAITALL)));
  close(fed);
  while (wait(nullptr) > 0) {
  }
}
