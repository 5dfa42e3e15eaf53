// number_test.cpp: a size on the wire: a train of 8 bytes, big-endian, above 4 GiB too.
#include <gtest/gtest.h>

#include "support.hpp"
#include "train.hpp"

namespace {

using namespace std::string_literals;

struct Case {
  std::uint64_t number;
  std::string bytes;
};

const Case cases[] = {
    {0, "\0\0\0\0\0\0\0\0"s},
    {1, "\0\0\0\0\0\0\0\1"s},
    {0x0102030405060708, "\1\2\3\4\5\6\7\x08"s},
    {0x7fffffff, "\0\0\0\0\x7f\xff\xff\xff"s},
    {0x80000000, "\0\0\0\0\x80\0\0\0"s},
    {0xffffffff, "\0\0\0\0\xff\xff\xff\xff"s},
    {0x100000000, "\0\0\0\1\0\0\0\0"s},  // 4 GiB: the first that does not fit 32 bits
    {std::uint64_t{3} << 30, "\0\0\0\0\xc0\0\0\0"s},
    {0x7fffffffffffffff, "\x7f\xff\xff\xff\xff\xff\xff\xff"s},
    {0x8000000000000000, "\x80\0\0\0\0\0\0\0"s},
    {0xffffffffffffffff, "\xff\xff\xff\xff\xff\xff\xff\xff"s},
};

TEST(NumberTrain, IsEightBytesInBigEndian) {
  for (const Case& one : cases) {
    const SocketPair pair = unix_pair();
    send_number(pair.left.get(), one.number);
    end_stream(pair.left.get());
    EXPECT_EQ(take(pair.right.get()), "\0\0\0\x08"s + one.bytes) << one.number;
  }
}

TEST(NumberTrain, IsReceivedWithAllIts64Bits) {
  for (const Case& one : cases) {
    const SocketPair pair = unix_pair();
    put(pair.left.get(), "\0\0\0\x08"s + one.bytes);
    EXPECT_EQ(receive_number(pair.right.get()), one.number);
  }
}

TEST(NumberTrain, OfAnotherLengthIsRefused) {
  for (const std::size_t size : Sizes{0, 1, 4, 7, 9, 16, 1000}) {
    const SocketPair pair = unix_pair();
    send_train(pair.left.get(), bytes_of(pattern(size)));
    EXPECT_EQ(message_of([&] { receive_number(pair.right.get()); }),
              "the size came in a train of " + std::to_string(size) + " bytes: it must have 8");
  }
}

TEST(NumberTrain, MayComeByteByByte) {
  const SocketPair pair = unix_pair();
  Background sender(pair.left.get(), [&] { dribble(pair, "\0\0\0\x08\1\2\3\4\5\6\7\x08"s, 1); });
  EXPECT_EQ(receive_number(pair.right.get()), 0x0102030405060708U);
  sender.finish();
}

}  // namespace
