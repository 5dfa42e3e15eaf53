// pieces_test.cpp: a file that comes in pieces of any size, or is cut anywhere.
#include <gtest/gtest.h>

#include "receive_file.hpp"
#include "send_file.hpp"
#include "support.hpp"

namespace {

/// All that the server sends of a file with `content`.
std::string whole_stream_of(const std::string& content) {
  const TemporaryDirectory directory;
  const SocketPair pair = unix_pair();
  ServerOptions options;
  options.file = directory.path() / "f";
  write_file(options.file, content);
  send_file(pair.left.get(), options);
  end_stream(pair.left.get());
  return take(pair.right.get());
}

class Pieces : public testing::Test {
 protected:
  Pieces() { options_.directory = directory_.path(); }

  /// Receives what comes of `content` in pieces of `size`, and returns the file that was saved.
  std::string received(const std::string& content, std::size_t size) {
    const SocketPair pair = unix_pair();
    Background server(pair.left.get(), [&] { dribble(pair, whole_stream_of(content), size); });
    receive_file(pair.right.get(), options_);
    server.finish();
    return read_file(directory_.path() / "f");
  }

  const TemporaryDirectory directory_;
  ClientOptions options_;
};

TEST_F(Pieces, OfAnySizeMakeAWholeFile) {
  for (const std::size_t size : Sizes{1, 2, 3, 7, 472, 1003, 1005})
    EXPECT_TRUE(received(pattern(2100), size) == pattern(2100)) << "in pieces of " << size;
}

TEST_F(Pieces, OfAFileOfZerosMakeAWholeFile) {
  EXPECT_TRUE(received(std::string(2500, '\0'), 472) == std::string(2500, '\0'));
}

TEST_F(Pieces, ThatStopAnywhereAreAFailureThatLeavesNothing) {
  const std::string wire = whole_stream_of(pattern(1100));
  for (std::size_t size = 0; size < wire.size(); size += size < 40 ? 1 : 7) {
    const SocketPair pair = unix_pair();
    put(pair.left.get(), std::string_view{wire}.substr(0, size));
    end_stream(pair.left.get());
    EXPECT_EQ(message_of([&] { receive_file(pair.right.get(), options_); }),
              "the server closed the connection before the end")
        << "cut behind byte " << size;
  }
  EXPECT_TRUE(directory_.is_empty());
}

}  // namespace
