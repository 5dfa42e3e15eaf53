// system_test.cpp: an error is never overlooked, a descriptor is closed once.
#include "plumbing/system.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "support.hpp"

namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

Descriptor any_descriptor() { return Descriptor{check("dup", ::dup(STDERR_FILENO))}; }

TEST(Check, PassesEveryResultButMinusOne) {
  EXPECT_EQ(check("call", 0), 0);
  EXPECT_EQ(check("call", 5), 5);
  EXPECT_EQ(check("call", -2), -2);
}

TEST(Check, NamesTheCallAndTheCause) {
  errno = EACCES;
  EXPECT_EQ(message_of([] { check("open notes.txt", -1); }), "open notes.txt: Permission denied");
}

TEST(Check, KeepsTheErrorNumber) {
  try {
    errno = ENOENT;
    check("open", ssize_t{-1});
    FAIL() << "nothing was thrown";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
  }
}

TEST(Descriptor, IsClosedAtTheEndOfItsScope) {
  int fd = -1;
  {
    const Descriptor descriptor = any_descriptor();
    fd = descriptor.get();
    EXPECT_TRUE(is_open(fd));
  }
  EXPECT_FALSE(is_open(fd));
}

TEST(Descriptor, IsEmptyAfterItWasClosed) {
  Descriptor descriptor = any_descriptor();
  descriptor.close();
  EXPECT_FALSE(descriptor);
  descriptor.close();  // once more: nothing happens
  EXPECT_EQ(descriptor.get(), -1);
}

TEST(Descriptor, IsMovedNotCopied) {
  Descriptor first = any_descriptor();
  const int fd = first.get();
  const Descriptor second = std::move(first);
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): that is the question
  EXPECT_EQ(second.get(), fd);
  EXPECT_TRUE(is_open(fd));
}

TEST(Descriptor, GivesWayToTheOneThatIsAssigned) {
  Descriptor first = any_descriptor();
  const int old = first.get();
  int fd = -1;
  {
    Descriptor second = any_descriptor();
    fd = second.get();
    first = std::move(second);
  }  // here `second` closes what `first` had
  EXPECT_EQ(first.get(), fd);
  EXPECT_TRUE(is_open(fd));
  EXPECT_FALSE(is_open(old));
}

TEST(Log, WritesTheWholeLineAtOnce) {
  const SocketPair pair = unix_pair();
  const Descriptor standard_error{check("dup", ::dup(STDERR_FILENO))};
  ::dup2(pair.left.get(), STDERR_FILENO);
  log("server: all is well");
  ::dup2(standard_error.get(), STDERR_FILENO);
  char line[100];
  const ssize_t size = ::recv(pair.right.get(), line, sizeof line, 0);
  EXPECT_EQ(std::string(line, static_cast<std::size_t>(size)), "server: all is well\n");
}

}  // namespace
