// waitall_test.cpp: MSG_WAITALL waits for all of the bytes, but not across a signal or the end of the stream.
#include <gtest/gtest.h>

#include "support.hpp"
#include "train.hpp"

namespace {

using namespace std::string_literals;

/// What one receive_waitall makes of room for 1000 bytes; what did not come is '?'.
std::string wait_for_1000(int socket) {
  std::string bytes(1000, '?');
  receive_waitall(socket, std::as_writable_bytes(std::span{bytes}));
  return bytes;
}

TEST(Waitall, WaitsForBytesThatComeInPieces) {
  const SocketPair pair = unix_pair();
  Background sender(pair.left.get(), [&] { dribble(pair, pattern(1000), 100); });
  EXPECT_EQ(wait_for_1000(pair.right.get()), pattern(1000));
  sender.finish();
}

TEST(Waitall, IsShortAtTheEndOfTheStreamAndDoesNotSaySo) {
  const SocketPair pair = unix_pair();
  put(pair.left.get(), pattern(600));
  end_stream(pair.left.get());
  EXPECT_EQ(wait_for_1000(pair.right.get()), pattern(600) + std::string(400, '?'));
}

TEST(Waitall, ReportsAnEndBeforeTheFirstByte) {
  const SocketPair pair = unix_pair();
  end_stream(pair.left.get());
  EXPECT_EQ(message_of([&] { wait_for_1000(pair.right.get()); }),
            "the server closed the connection before the end");
}

class InterruptedWaitall : public testing::TestWithParam<int> {};

TEST_P(InterruptedWaitall, IsShortAfterASignal) {
  const Interruptions interruptions(GetParam());
  const SocketPair pair = tcp_pair();
  put(pair.left.get(), pattern(600));
  wait_until("600 bytes are there", [&] { return unread(pair.right.get()) == 600; });
  std::string received;
  Background receiver(pair.right.get(), [&] { received = wait_for_1000(pair.right.get()); });
  wait_until("600 bytes are taken", [&] { return unread(pair.right.get()) == 0; });
  receiver.wait_until_blocked();
  receiver.interrupt();
  receiver.finish();  // and no byte more has been sent
  EXPECT_EQ(received, pattern(600) + std::string(400, '?'));
}

INSTANTIATE_TEST_SUITE_P(Flags, InterruptedWaitall, testing::Values(0, SA_RESTART),
                         [](const testing::TestParamInfo<int>& flags) {
                           return flags.param == 0 ? "WithoutRestart" : "EvenWithRestart";
                         });

TEST(Waitall, FailsWithASignalBeforeTheFirstByte) {
  const Interruptions interruptions;
  const SocketPair pair = unix_pair();
  Background receiver(pair.right.get(), [&] { wait_for_1000(pair.right.get()); });
  receiver.wait_until_blocked();
  receiver.interrupt();
  EXPECT_EQ(message_of([&] { receiver.finish(); }), "recv: Interrupted system call");
}

TEST(Waitall, LeavesTheRestOfABodyToBeReadAsALength) {
  const Interruptions interruptions;
  const SocketPair pair = unix_pair();
  Body storage{};
  Background receiver(pair.right.get(), [&] {
    receive_train(pair.right.get(), storage, receive_waitall);
    receive_train(pair.right.get(), storage, receive_waitall);
  });
  put(pair.left.get(), "\0\0\x03\xe8"s + pattern(472));
  wait_until("the first piece is taken", [&] { return unread(pair.right.get()) == 0; });
  receiver.wait_until_blocked();
  receiver.interrupt();
  put(pair.left.get(), "\x3d\x24\xcd\x13"s + pattern(524));
  EXPECT_EQ(message_of([&] { receiver.finish(); }), "train of 1025821971 bytes: at most 1000 are allowed");
}

}  // namespace
