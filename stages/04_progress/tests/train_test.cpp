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

// From here on: a wire that moves fewer bytes than it was asked to.

TEST(Train, ABodyThatComesInTwoPiecesIsWhole) {
  const SocketPair pair = unix_pair();
  const std::string body = pattern(1000);
  Background sender(pair.left.get(), [&] {
    put(pair.left.get(), "\0\0\x03\xe8"s + body.substr(0, 472));
    put_when_taken(pair, body.substr(472));
  });
  EXPECT_EQ(receive(pair.right.get()), body);
  sender.finish();
}

TEST(Train, AHeadThatComesInTwoPiecesIsWhole) {
  for (const std::size_t cut : Sizes{1, 2, 3}) {
    const SocketPair pair = unix_pair();
    const std::string train = "\0\0\0\5hello"s;
    Background sender(pair.left.get(), [&] {
      put(pair.left.get(), train.substr(0, cut));
      put_when_taken(pair, train.substr(cut));
    });
    EXPECT_EQ(receive(pair.right.get()), "hello") << "cut behind byte " << cut;
    sender.finish();
  }
}

TEST(Train, ThatComesByteByByteIsWhole) {
  const SocketPair pair = unix_pair();
  Background sender(pair.left.get(),
                    [&] { dribble(pair, "\0\0\x03\xe8"s + pattern(1000) + "\0\0\0\1x"s, 1); });
  EXPECT_EQ(receive(pair.right.get()), pattern(1000));
  EXPECT_EQ(receive(pair.right.get()), "x");
  sender.finish();
}

TEST(Train, IsReportedWhenTheStreamEndsInIt) {
  const std::string train = "\0\0\0\5hello"s;
  for (std::size_t size = 0; size < train.size(); ++size)
    EXPECT_EQ(complaint_about(train.substr(0, size)), "the server closed the connection before the end")
        << size;
}

TEST(Train, IsReportedWhenTheConnectionIsResetInIt) {
  SocketPair pair = tcp_pair();
  put(pair.left.get(), "\0\0\0\5hel"s);
  Background receiver(pair.right.get(), [&] { receive(pair.right.get()); });
  wait_until("the first bytes are taken", [&] { return unread(pair.right.get()) == 0; });
  reset(pair.left);
  EXPECT_EQ(message_of([&] { receiver.finish(); }), "recv: Connection reset by peer");
}

TEST(Train, WhoseReceiverIsInterruptedIsWhole) {
  const Interruptions interruptions;
  const SocketPair pair = unix_pair();
  const std::string train = "\0\0\x03\xe8"s + pattern(1000);
  std::string received;
  Background receiver(pair.right.get(), [&] { received = receive(pair.right.get()); });
  std::size_t sent = 0;
  for (const std::size_t next : Sizes{2, 4, 604, 1004}) {  // in the head, behind it, in the body, behind it
    receiver.wait_until_blocked();
    receiver.interrupt();
    put_when_taken(pair, train.substr(sent, next - sent));
    sent = next;
  }
  receiver.finish();
  EXPECT_EQ(received, pattern(1000));
}

TEST(Train, WhoseSenderIsInterruptedIsWhole) {
  const Interruptions interruptions;
  const SocketPair pair = unix_pair();
  make_narrow(pair);
  Background sender(pair.left.get(), [&] {
    for (int i = 0; i < 20; ++i) send_train(pair.left.get(), bytes_of(pattern(1000)));
    end_stream(pair.left.get());
  });
  wait_until("trains are on their way", [&] { return unread(pair.right.get()) > 0; });
  sender.wait_until_blocked();
  sender.interrupt();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(receive(pair.right.get()), pattern(1000));
  sender.finish();
  EXPECT_EQ(take(pair.right.get()), "");
}

TEST(Train, ThatNobodyCanReceiveIsAnErrorWhereSigpipeIsIgnored) {
  const Ignored sigpipe(SIGPIPE);
  SocketPair pair = unix_pair();
  pair.right.close();
  EXPECT_EQ(message_of([&] { send_train(pair.left.get(), bytes_of("hello")); }), "send: Broken pipe");
}

TEST(Exactly, ASendThatIsCutShortGoesOnWithTheRest) {
  const Interruptions interruptions;
  const std::string bytes = pattern(1 << 20);
  const SocketPair pair = tcp_pair();
  make_narrow(pair);
  Background sender(pair.left.get(), [&] {
    send_exactly(pair.left.get(), bytes_of(bytes));
    end_stream(pair.left.get());
  });
  std::string received;
  for (int i = 0; i < 5; ++i) {
    wait_until("a part is on its way", [&] { return unread(pair.right.get()) > 0; });
    sender.wait_until_blocked();
    sender.interrupt();  // this send returns what it has sent so far
    received += take(pair.right.get(), 1000);
  }
  received += take(pair.right.get());
  sender.finish();
  EXPECT_TRUE(received == bytes);
}

TEST(Exactly, NothingToSendOrReceiveNeedsNoCall) {
  EXPECT_NO_THROW(send_exactly(-1, {}));
  EXPECT_NO_THROW(receive_exactly(-1, {}));
}

TEST(Exactly, ABadDescriptorIsAnError) {
  std::byte byte{};
  EXPECT_EQ(message_of([&] { send_exactly(-1, {&byte, 1}); }), "send: Bad file descriptor");
  EXPECT_EQ(message_of([&] { receive_exactly(-1, {&byte, 1}); }), "recv: Bad file descriptor");
}

}  // namespace
