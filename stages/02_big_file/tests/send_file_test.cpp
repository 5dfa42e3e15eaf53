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

TEST(SendFile, PutsTheNameTheContentAndAnEmptyTrain) {
  EXPECT_EQ(wire_of("hello"), "\0\0\0\5f.txt\0\0\0\5hello\0\0\0\0"s);
}

TEST(SendFile, PutsNothingOfAnEmptyFileBetweenNameAndEnd) {
  EXPECT_EQ(wire_of(""), "\0\0\0\5f.txt\0\0\0\0"s);
}

TEST(SendFile, PutsAFileThatFitsOneTrainInOne) {
  EXPECT_EQ(wire_of(pattern(1000)), "\0\0\0\5f.txt\0\0\x03\xe8"s + pattern(1000) + "\0\0\0\0"s);
}

TEST(SendFile, PutsALargerFileInTrainsOf1000) {
  const std::string content = pattern(2001);
  EXPECT_EQ(wire_of(content), "\0\0\0\5f.txt\0\0\x03\xe8"s + content.substr(0, 1000) + "\0\0\x03\xe8"s +
                                  content.substr(1000, 1000) + "\0\0\0\1"s + content.substr(2000) +
                                  "\0\0\0\0"s);
}

}  // namespace
