// receive_file_test.cpp: what the client makes of bytes that a server would not send.
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

/// train("f") and the train of `size`.
std::string announcing(char size) { return "\0\0\0\1f\0\0\0\x08\0\0\0\0\0\0\0"s + size; }

TEST(ReceiveFile, EndsWithTheAnnouncedSize) {
  const TemporaryDirectory directory;
  EXPECT_EQ(complaint_about(announcing(3) + "abcand more", directory), "");
  EXPECT_EQ(read_file(directory.path() / "f"), "abc");
}

TEST(ReceiveFile, OfNoBytesNeedsNoMore) {
  const TemporaryDirectory directory;
  EXPECT_EQ(complaint_about(announcing(0), directory), "");
  EXPECT_EQ(read_file(directory.path() / "f"), "");
}

TEST(ReceiveFile, WithFewerBytesThanAnnouncedIsAFailureThatLeavesNothing) {
  const TemporaryDirectory directory;
  EXPECT_EQ(complaint_about(announcing(3) + "ab", directory),
            "the server closed the connection before the end");
  EXPECT_TRUE(directory.is_empty());
}

TEST(ReceiveFile, WithASizeOfOtherThan8BytesIsAFailureThatLeavesNothing) {
  const TemporaryDirectory directory;
  EXPECT_EQ(complaint_about("\0\0\0\1f\0\0\0\4\0\0\0\0"s, directory),
            "the size came in a train of 4 bytes: it must have 8");
  EXPECT_TRUE(directory.is_empty());
}

TEST(ReceiveFile, ThatNoDiskCanHoldIsAFailureThatLeavesNothing) {
  const TemporaryDirectory directory;
  EXPECT_EQ(complaint_about("\0\0\0\1f\0\0\0\x08"s + std::string(8, '\xff'), directory),
            "reserve 18446744073709551615 bytes for f: File too large");
  EXPECT_TRUE(directory.is_empty());
}

TEST(ReceiveFile, ThatFailsLeavesTheOlderFileAlone) {
  const TemporaryDirectory directory;
  write_file(directory.path() / "f", "old");
  EXPECT_NE(complaint_about(announcing(3) + "ab", directory), "");
  EXPECT_EQ(read_file(directory.path() / "f"), "old");
  EXPECT_EQ(directory.entries(), 1);
}

}  // namespace
