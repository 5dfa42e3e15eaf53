// train_test.cpp: trains on the wire, and what becomes of them when the wire does not keep them whole.
#include "train.hpp"

#include <gtest/gtest.h>

#include "support.hpp"

namespace {

using namespace std::string_literals;

std::string receive(int socket) {
  Body storage{};
  return std::string{text_of(receive_train(socket, storage))};
}

/// `bytes` is all that comes; returns what receive_train has to say about it.
std::string complaint_about(const std::string& bytes) {
  const SocketPair pair = unix_pair();
  put(pair.left.get(), bytes);
  end_stream(pair.left.get());
  return message_of([&] { receive(pair.right.get()); });
}

TEST(Train, IsALengthInBigEndianAndABody) {
  const SocketPair pair = unix_pair();
  send_train(pair.left.get(), bytes_of("hello"));
  end_stream(pair.left.get());
  EXPECT_EQ(take(pair.right.get()), "\0\0\0\5hello"s);
}

TEST(Train, WithoutABodyIsFourZeroBytes) {
  const SocketPair pair = unix_pair();
  send_train(pair.left.get(), {});
  end_stream(pair.left.get());
  EXPECT_EQ(take(pair.right.get()), "\0\0\0\0"s);
}

TEST(Train, CarriesAtMost1000Bytes) {
  const SocketPair pair = unix_pair();
  const std::string body = pattern(1000);
  send_train(pair.left.get(), bytes_of(body));
  end_stream(pair.left.get());
  EXPECT_EQ(take(pair.right.get()), "\0\0\x03\xe8"s + body);
}

TEST(Train, ComesOutAsItWentIn) {
  const SocketPair pair = tcp_pair();
  for (const std::size_t size : Sizes{0, 1, 2, 255, 256, 999, 1000}) {
    const std::string body = pattern(size);
    send_train(pair.left.get(), bytes_of(body));
    wait_until("the whole train is there",
               [&] { return unread(pair.right.get()) == static_cast<int>(size) + 4; });
    EXPECT_EQ(receive(pair.right.get()), body) << size << " bytes";
  }
}

TEST(Train, EveryByteValueIsContent) {
  const SocketPair pair = unix_pair();
  std::string body;
  for (int value = 0; value < 256; ++value) body += static_cast<char>(value);
  send_train(pair.left.get(), bytes_of(body));
  EXPECT_EQ(receive(pair.right.get()), body);
}

TEST(Train, IsToldApartFromTheOneBehindIt) {
  const SocketPair pair = unix_pair();
  put(pair.left.get(), "\0\0\0\1a\0\0\0\0\0\0\0\2bc"s);
  EXPECT_EQ(receive(pair.right.get()), "a");
  EXPECT_EQ(receive(pair.right.get()), "");
  EXPECT_EQ(receive(pair.right.get()), "bc");
}

TEST(Train, OfMoreThan1000BytesIsReportedAndNeverRead) {
  EXPECT_EQ(complaint_about("\0\0\x03\xe9"s + pattern(1001)),
            "train of 1001 bytes: at most 1000 are allowed");
  EXPECT_EQ(complaint_about("\x7f\xff\xff\xff"s), "train of 2147483647 bytes: at most 1000 are allowed");
  EXPECT_EQ(complaint_about("\x80\0\0\0"s), "train of 2147483648 bytes: at most 1000 are allowed");
  EXPECT_EQ(complaint_about("\xff\xff\xff\xff"s), "train of 4294967295 bytes: at most 1000 are allowed");
}

TEST(Train, IsReportedWhenTheStreamEndsBeforeIt) {
  EXPECT_EQ(complaint_about(""), "the server closed the connection before the end");
}

TEST(Train, IsReportedWhenTheStreamEndsBeforeItsBody) {
  EXPECT_EQ(complaint_about("\0\0\0\5"s), "the server closed the connection before the end");
}

TEST(Train, IsReportedWhenTheConnectionIsReset) {
  SocketPair pair = tcp_pair();
  reset(pair.left);
  EXPECT_EQ(message_of([&] { receive(pair.right.get()); }), "recv: Connection reset by peer");
}

// From here on: what the naive codec makes of a wire that moves fewer bytes than it was asked to.

TEST(Train, ABodyThatComesInTwoPiecesIsReadAsOne) {
  const SocketPair pair = unix_pair();
  put(pair.left.get(), "\0\0\x03\xe8"s + std::string(472, 'a'));
  EXPECT_EQ(receive(pair.right.get()),
            std::string(472, 'a') + std::string(528, '\0'));  // 1000 bytes, it says
}

TEST(Train, TheRestOfABodyIsReadAsALength) {
  const SocketPair pair = unix_pair();
  put(pair.left.get(), "\0\0\x03\xe8"s + std::string(472, 'a'));
  receive(pair.right.get());
  put(pair.left.get(), "\x3d\x24\xcd\x13"s + std::string(524, 'a'));
  EXPECT_EQ(message_of([&] { receive(pair.right.get()); }),
            "train of 1025821971 bytes: at most 1000 are allowed");
}

TEST(Train, TheRestOfABodyOfZerosLooksLikeTheEnd) {
  const SocketPair pair = unix_pair();
  put(pair.left.get(), "\0\0\x03\xe8"s + std::string(472, '\0'));
  receive(pair.right.get());
  put(pair.left.get(), std::string(528, '\0'));
  EXPECT_EQ(receive(pair.right.get()), "");
}

TEST(Train, AHeadThatComesInTwoPiecesIsReadAsZero) {
  const SocketPair pair = unix_pair();
  put(pair.left.get(), "\0\0"s);
  EXPECT_EQ(receive(pair.right.get()), "");
  put(pair.left.get(), "\0\5hello"s);
  EXPECT_EQ(message_of([&] { receive(pair.right.get()); }),
            "train of 354405 bytes: at most 1000 are allowed");
}

TEST(Train, ThatASignalKeepsFromBeingSentIsLost) {
  const Interruptions interruptions;
  const SocketPair pair = unix_pair();
  make_narrow(pair);
  int sent = 0;
  Background sender(pair.left.get(), [&] {
    while (Interruptions::count() == 0 || sent == 0)
      send_train(pair.left.get(), bytes_of(pattern(1000))), ++sent;
    end_stream(pair.left.get());
  });
  wait_until("trains are on their way", [&] { return unread(pair.right.get()) > 0; });
  sender.wait_until_blocked();
  sender.interrupt();
  sender.finish();
  EXPECT_EQ(take(pair.right.get()).size(), static_cast<std::size_t>(sent - 1) * 1004);
}

TEST(Train, ThatNobodyCanReceiveGoesUnnoticed) {
  const Ignored sigpipe(SIGPIPE);
  SocketPair pair = unix_pair();
  pair.right.close();
  EXPECT_NO_THROW(send_train(pair.left.get(), bytes_of("hello")));
}

}  // namespace
