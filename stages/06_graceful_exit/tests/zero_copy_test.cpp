// zero_copy_test.cpp: a mapping and a pipe, each with its own end.
#include "zero_copy.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>

#include "support.hpp"

namespace {

Descriptor file_with(const TemporaryDirectory& directory, std::string_view content, int flags) {
  write_file(directory.path() / "f", content);
  return Descriptor{check("open", ::open((directory.path() / "f").c_str(), flags | O_CLOEXEC))};
}

TEST(Mapping, ShowsTheFile) {
  const TemporaryDirectory directory;
  const Descriptor file = file_with(directory, "hello", O_RDONLY);
  const Mapping mapping{file.get(), 5, PROT_READ};
  EXPECT_EQ(mapping.bytes().size(), 5U);
  EXPECT_EQ(std::memcmp(mapping.bytes().data(), "hello", 5), 0);
}

TEST(Mapping, WritesThroughToTheFile) {
  const TemporaryDirectory directory;
  const Descriptor file = file_with(directory, "hello", O_RDWR);
  Mapping{file.get(), 5, PROT_READ | PROT_WRITE}.bytes()[0] = std::byte{'j'};
  EXPECT_EQ(read_file(directory.path() / "f"), "jello");
}

TEST(Mapping, OfNoBytesIsAnError) {
  const TemporaryDirectory directory;
  const Descriptor file = file_with(directory, "", O_RDONLY);
  EXPECT_EQ(message_of([&] { Mapping(file.get(), 0, PROT_READ); }), "mmap: Invalid argument");
}

TEST(Mapping, ToWriteAFileThatMayOnlyBeReadIsAnError) {
  const TemporaryDirectory directory;
  const Descriptor file = file_with(directory, "hello", O_RDONLY);
  EXPECT_EQ(message_of([&] { Mapping(file.get(), 5, PROT_READ | PROT_WRITE); }), "mmap: Permission denied");
}

TEST(Pipe, BringsBytesFromItsInToItsOut) {
  const Pipe pipe;
  char byte = 0;
  EXPECT_EQ(::write(pipe.in.get(), "x", 1), 1);
  EXPECT_EQ(::read(pipe.out.get(), &byte, 1), 1);
  EXPECT_EQ(byte, 'x');
}

TEST(Pipe, KnowsHowMuchItHolds) {
  const Pipe pipe;
  EXPECT_GE(pipe.capacity, 4096U);
  EXPECT_EQ(static_cast<std::size_t>(::fcntl(pipe.in.get(), F_GETPIPE_SZ)), pipe.capacity);
}

TEST(Pipe, IsClosedOnExec) {
  const Pipe pipe;
  EXPECT_EQ(::fcntl(pipe.in.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(::fcntl(pipe.out.get(), F_GETFD), FD_CLOEXEC);
}

}  // namespace
