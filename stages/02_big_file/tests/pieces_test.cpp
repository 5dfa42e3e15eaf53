// pieces_test.cpp: a file whose trains come in pieces, received naively.
#include <gtest/gtest.h>

#include "receive_file.hpp"
#include "support.hpp"

namespace {

using namespace std::string_literals;

/// A client, and a server whose first body of 1000 bytes comes in two pieces of 472 and 528.
class Pieces : public testing::Test {
 protected:
  Received receive(const std::string& first, const std::string& second) {
    ClientOptions options;
    options.directory = directory_.path();
    Received received;
    Background client(pair_.right.get(), [&] { received = receive_file(pair_.right.get(), options); });
    put(pair_.left.get(), "\0\0\0\1f\0\0\x03\xe8"s + first);
    wait_until("the first piece is taken", [&] { return unread(pair_.right.get()) == 0; });
    client.wait_until_blocked();  // in the next recv: until the last one is over it would take what comes
    put(pair_.left.get(), second);
    end_stream(pair_.left.get());
    client.finish();
    return received;
  }

  const TemporaryDirectory directory_;
  const SocketPair pair_ = unix_pair();
};

TEST_F(Pieces, TheRestOfABodyIsReadAsALength) {
  const std::string second = "\x3d\x24\xcd\x13"s + pattern(524) + "\0\0\0\0"s;
  EXPECT_EQ(message_of([&] { receive(pattern(472), second); }),
            "train of 1025821971 bytes: at most 1000 are allowed");
  EXPECT_TRUE(directory_.is_empty());
}

TEST_F(Pieces, AFileOfZerosIsShortAndASuccess) {
  const std::string second = std::string(528, '\0') + "\0\0\x03\xe8"s + std::string(1000, '\0') + "\0\0\0\0"s;
  EXPECT_EQ(receive(std::string(472, '\0'), second).size, 1000U);  // of 2000
  EXPECT_EQ(std::filesystem::file_size(directory_.path() / "f"), 1000U);
}

}  // namespace
