// output_test.cpp: whoever should read may be gone, or asleep, and the program goes on.
#include "plumbing/output.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "support.hpp"

namespace {

/// While it lives, descriptor `fd` of this process is another one.
class InPlaceOf {
 public:
  InPlaceOf(int fd, int stand_in) : fd_(fd), kept_(check("dup", ::dup(fd))) {
    check("dup2", ::dup2(stand_in, fd));
  }
  ~InPlaceOf() { ::dup2(kept_.get(), fd_); }
  InPlaceOf(const InPlaceOf&) = delete;
  InPlaceOf& operator=(const InPlaceOf&) = delete;

 private:
  int fd_;
  Descriptor kept_;
};

struct Ends {
  Descriptor reader;
  Descriptor writer;
};

Ends make_pipe() {
  int ends[2];
  check("pipe2", ::pipe2(ends, O_CLOEXEC));
  return {Descriptor{ends[0]}, Descriptor{ends[1]}};
}

Ends make_sockets() {
  int ends[2];
  check("socketpair", ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
  return {Descriptor{ends[0]}, Descriptor{ends[1]}};
}

bool set_nonblocking(int fd, bool on) {
  const int flags = ::fcntl(fd, F_GETFL);
  return ::fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) == 0;
}

/// Writes until nothing more fits: the next write would wait for ever.
void fill(int fd) {
  set_nonblocking(fd, true);
  const std::string much(4096, '.');
  while (::write(fd, much.data(), much.size()) > 0) continue;
  while (::write(fd, ".", 1) > 0) continue;
  set_nonblocking(fd, false);
}

std::string read_some(int fd) {
  char text[8192];
  const ssize_t got = check("read", ::read(fd, text, sizeof text));
  return {text, static_cast<std::size_t>(got)};
}

TEST(Log, IsALineOnStandardError) {
  const Ends pipe = make_pipe();
  const InPlaceOf standard_error{STDERR_FILENO, pipe.writer.get()};
  log("server: hello");
  EXPECT_EQ(read_some(pipe.reader.get()), "server: hello\n");
}

TEST(Log, IsALineOnASocket) {
  const Ends sockets = make_sockets();
  const InPlaceOf standard_error{STDERR_FILENO, sockets.writer.get()};
  log("server: hello");
  EXPECT_EQ(read_some(sockets.reader.get()), "server: hello\n");
}

TEST(Log, IsAppendedToAFile) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() / "log";
  {
    const Descriptor file{check("open", ::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0666))};
    const InPlaceOf standard_error{STDERR_FILENO, file.get()};
    log("one");
    log("two");  // the offset is shared with whoever writes there as well
  }
  EXPECT_EQ(read_file(path), "one\ntwo\n");
}

TEST(Log, DoesNotWaitForRoom) {
  const auto log_to = [](const Ends& ends) {
    fill(ends.writer.get());
    const InPlaceOf standard_error{STDERR_FILENO, ends.writer.get()};
    log("server: lost");
    EXPECT_EQ(::fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0) << "it is the user's shell's descriptor, too";
  };
  log_to(make_pipe());
  log_to(make_sockets());
}

TEST(Log, OutlivesItsReader) {
  const auto log_to = [](Ends ends) {
    ends.reader.close();
    const InPlaceOf standard_error{STDERR_FILENO, ends.writer.get()};
    log("server: lost");  // SIGPIPE has its default here
  };
  log_to(make_pipe());
  log_to(make_sockets());
}

TEST(Log, OutlivesTheLimitOfAFile) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() / "log";
  rlimit before{};
  check("getrlimit", ::getrlimit(RLIMIT_FSIZE, &before));
  const rlimit small{8, before.rlim_max};
  const Descriptor file{check("open", ::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0666))};
  {
    const InPlaceOf standard_error{STDERR_FILENO, file.get()};
    check("setrlimit", ::setrlimit(RLIMIT_FSIZE, &small));
    log("server:");
    log("server: lost");  // SIGXFSZ
    check("setrlimit", ::setrlimit(RLIMIT_FSIZE, &before));
  }
  EXPECT_EQ(read_file(path), "server:\n");
}

TEST(Log, NoDescriptorIsLeft) {
  const Ends pipe = make_pipe();
  const InPlaceOf standard_error{STDERR_FILENO, pipe.writer.get()};
  const Descriptor lowest{check("dup", ::dup(STDOUT_FILENO))};
  log("one");
  const Descriptor next{check("dup", ::dup(STDOUT_FILENO))};
  EXPECT_EQ(next.get(), lowest.get() + 1);
}

TEST(Log, ALongLineIsCut) {
  const Ends pipe = make_pipe();
  const InPlaceOf standard_error{STDERR_FILENO, pipe.writer.get()};
  log(std::string(10000, 'x'));
  EXPECT_EQ(read_some(pipe.reader.get()), std::string(4095, 'x') + '\n');
}

TEST(Report, WaitsForRoom) {
  const Ends pipe = make_pipe();
  fill(pipe.writer.get());
  const InPlaceOf standard_error{STDERR_FILENO, pipe.writer.get()};
  auto reader = std::async(std::launch::async, [&] {
    std::string all;
    while (all.find("told\n") == std::string::npos) all += read_some(pipe.reader.get());
    return all;
  });
  report("client: told");
  EXPECT_NE(reader.get().find("client: told\n"), std::string::npos);
}

TEST(PrintLine, SaysWhetherItCould) {
  Ends pipe = make_pipe();
  {
    const InPlaceOf standard_output{STDOUT_FILENO, pipe.writer.get()};
    EXPECT_TRUE(print_line("received"));
    EXPECT_EQ(read_some(pipe.reader.get()), "received\n");
    pipe.reader.close();
    EXPECT_FALSE(print_line("nobody reads"));
    EXPECT_EQ(errno, EPIPE);
  }
  const Descriptor full{check("open /dev/full", ::open("/dev/full", O_WRONLY | O_CLOEXEC))};
  const InPlaceOf standard_output{STDOUT_FILENO, full.get()};
  EXPECT_FALSE(print_line("no room"));
  EXPECT_EQ(errno, ENOSPC);
}

}  // namespace
