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

TEST(SendFile, PutsTheNameTheSizeAndTheBareContent) {
  EXPECT_EQ(wire_of("hello"), "\0\0\0\5f.txt\0\0\0\x08\0\0\0\0\0\0\0\5hello"s);
}

TEST(SendFile, PutsNothingBehindTheSizeOfAnEmptyFile) {
  EXPECT_EQ(wire_of(""), "\0\0\0\5f.txt\0\0\0\x08\0\0\0\0\0\0\0\0"s);
}

TEST(SendFile, PutsNoTrainsIntoALargerFile) {
  EXPECT_EQ(wire_of(pattern(2001)), "\0\0\0\5f.txt\0\0\0\x08\0\0\0\0\0\0\x07\xd1"s + pattern(2001));
}

}  // namespace
