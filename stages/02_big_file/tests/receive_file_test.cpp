// receive_file_test.cpp: what the client makes of trains that a server would not send.
#include "receive_file.hpp"

#include <gtest/gtest.h>

#include "support.hpp"

namespace {

using namespace std::string_literals;

/// What the client says about `wire` and then the end of the stream; it saves in `directory`.
std::string complaint_about(const std::string& wire, const TemporaryDirectory& directory) {
  const SocketPair pair = unix_pair();
  put(pair.left.get(), wire);
  end_stream(pair.left.get());
  ClientOptions options;
  options.directory = directory.path();
  return message_of([&] { receive_file(pair.right.get(), options); });
}

TEST(ReceiveFile, EndsWithTheEmptyTrain) {
  const TemporaryDirectory directory;
  EXPECT_EQ(complaint_about("\0\0\0\1f\0\0\0\2ab\0\0\0\1c\0\0\0\0and more"s, directory), "");
  EXPECT_EQ(read_file(directory.path() / "f"), "abc");
}

TEST(ReceiveFile, WithoutTheEmptyTrainIsAFailureThatLeavesNothing) {
  const TemporaryDirectory directory;
  EXPECT_EQ(complaint_about("\0\0\0\1f\0\0\0\2ab"s, directory),
            "the server closed the connection before the end");
  EXPECT_TRUE(directory.is_empty());
}

TEST(ReceiveFile, WithALengthAbove1000IsAFailureThatLeavesNothing) {
  const TemporaryDirectory directory;
  EXPECT_EQ(complaint_about("\0\0\0\1f\0\0\x03\xe9"s + pattern(1001), directory),
            "train of 1001 bytes: at most 1000 are allowed");
  EXPECT_TRUE(directory.is_empty());
}

TEST(ReceiveFile, ThatFailsLeavesTheOlderFileAlone) {
  const TemporaryDirectory directory;
  write_file(directory.path() / "f", "old");
  EXPECT_NE(complaint_about("\0\0\0\1f\0\0\0\2ab"s, directory), "");
  EXPECT_EQ(read_file(directory.path() / "f"), "old");
  EXPECT_EQ(directory.entries(), 1);
}

}  // namespace
