// send_file_test.cpp: the exact bytes that the server puts on the wire.
#include "send_file.hpp"

#include <gtest/gtest.h>

#include "support.hpp"

namespace {

using namespace std::string_literals;

std::string wire_of(const std::string& content) {
  const TemporaryDirectory directory;
  write_file(directory.path() / "f.txt", content);
  const SocketPair pair = unix_pair();
  ServerOptions options;
  options.file = directory.path() / "f.txt";
  send_file(pair.left.get(), options);
  end_stream(pair.left.get());
  return take(pair.right.get());
}

TEST(SendFile, PutsTheNameAndTheContentInOneTrainEach) {
  EXPECT_EQ(wire_of("hello"), "\0\0\0\5f.txt\0\0\0\5hello"s);
}

TEST(SendFile, PutsAnEmptyFileInAnEmptyTrain) { EXPECT_EQ(wire_of(""), "\0\0\0\5f.txt\0\0\0\0"s); }

TEST(SendFile, TakesAFileThatFitsOneTrainAndNoLargerOne) {
  EXPECT_EQ(wire_of(pattern(1000)), "\0\0\0\5f.txt\0\0\x03\xe8"s + pattern(1000));
  EXPECT_THROW(wire_of(pattern(1001)), std::runtime_error);
}

TEST(SendFile, RefusesALargerFileAtTheStart) {
  const TemporaryDirectory directory;
  const std::string file = directory.path() / "f";
  write_file(file, pattern(1000));
  EXPECT_NO_THROW(check_file(file));
  write_file(file, pattern(1001));
  EXPECT_EQ(message_of([&] { check_file(file); }),
            file + ": larger than 1000 bytes, the most that one train can carry");
}

}  // namespace
