// content_test.cpp: each way of sending a file's bytes, each way of receiving them, and all pairs of the two.
#include <gtest/gtest.h>

#include <tuple>

#include "plumbing/progress.hpp"
#include "plumbing/target_file.hpp"
#include "receive_content.hpp"
#include "send_content.hpp"
#include "support.hpp"

namespace {

using Pair = SocketPair (*)();
using WayToSend = decltype(ways_to_send)::value_type;
using WayToReceive = decltype(ways_to_receive)::value_type;

const auto name_of_way = [](const auto& test) { return std::string(test.param.first); };
const auto name_of_pair = [](const auto& test) {
  const auto& [to_send, to_receive, pair] = test.param;
  return std::string(to_send.first) + "_to_" + std::string(to_receive.first) +
         (pair == unix_pair ? "_unix" : "_tcp");
};

Descriptor file_with(const TemporaryDirectory& directory, std::string_view content) {
  write_file(directory.path() / "from", content);
  return Descriptor{check("open", ::open((directory.path() / "from").c_str(), O_RDONLY | O_CLOEXEC))};
}

/// Saves `size` bytes that come over `connection` as `directory`/to.
void receive_and_save(ReceiveContent receive, int connection, const TemporaryDirectory& directory,
                      std::uint64_t size) {
  TargetFile target{directory.path(), "to"};
  Progress progress{size};
  receive(connection, target, size, progress);
  target.commit();
}

// --- all pairs

class Content : public testing::TestWithParam<std::tuple<WayToSend, WayToReceive, Pair>> {};

TEST_P(Content, ArrivesAsItWasSent) {
  const auto& [to_send, to_receive, pair_of_sockets] = GetParam();
  const SendContent send = to_send.second;
  const std::string whole = pattern(3145745);  // more than any buffer on the way
  for (const std::size_t size : Sizes{0, 1, 65535, 65536, 65537, 3145745}) {
    const TemporaryDirectory directory;
    const SocketPair pair = pair_of_sockets();
    const std::string content = whole.substr(0, size);
    const Descriptor file = file_with(directory, content);
    Background sender(pair.left.get(), [&] { send(pair.left.get(), file.get(), size); });
    receive_and_save(to_receive.second, pair.right.get(), directory, size);
    sender.finish();
    EXPECT_TRUE(read_file(directory.path() / "to") == content) << size << " bytes";
  }
}

INSTANTIATE_TEST_SUITE_P(Ways, Content,
                         testing::Combine(testing::ValuesIn(ways_to_send), testing::ValuesIn(ways_to_receive),
                                          testing::Values(unix_pair, tcp_pair)),
                         name_of_pair);

// --- sending

class Send : public testing::TestWithParam<WayToSend> {
 protected:
  const SendContent send_ = GetParam().second;
  const TemporaryDirectory directory_;
};

TEST_P(Send, AFileThatHasGrownIsCutAtTheAnnouncedSize) {
  const SocketPair pair = unix_pair();
  const Descriptor file = file_with(directory_, pattern(10000));
  send_(pair.left.get(), file.get(), 5000);
  end_stream(pair.left.get());
  EXPECT_TRUE(take(pair.right.get()) == pattern(5000));
}

TEST_P(Send, AFileThatWasCutIsAnErrorBehindItsLastByte) {
  const SocketPair pair = tcp_pair();
  const Descriptor file = file_with(directory_, pattern(3 * 65536));
  std::filesystem::resize_file(directory_.path() / "from", 65536);
  EXPECT_THROW(send_(pair.left.get(), file.get(), 3 * 65536), std::runtime_error);
  end_stream(pair.left.get());
  const std::string sent = take(pair.right.get());
  EXPECT_TRUE(sent == pattern(65536).substr(0, sent.size())) << "not one byte that was not in the file";
}

TEST_P(Send, AFileThatWasCutWithinItsLastPageIsAnError) {
  for (const std::size_t size : Sizes{51, 4096, 4097 + 50, 65536, 3 * 65536}) {
    const SocketPair pair = tcp_pair();
    const Descriptor file = file_with(directory_, pattern(size));
    std::filesystem::resize_file(directory_.path() / "from", size - 50);
    EXPECT_THROW(send_(pair.left.get(), file.get(), size), std::runtime_error) << size << " bytes";
    end_stream(pair.left.get());
    EXPECT_LT(take(pair.right.get()).size(), size);
  }
}

TEST_P(Send, AFileThatWasEmptiedIsAnError) {
  const SocketPair pair = unix_pair();
  const Descriptor file = file_with(directory_, pattern(10000));
  std::filesystem::resize_file(directory_.path() / "from", 0);
  EXPECT_THROW(send_(pair.left.get(), file.get(), 10000), std::runtime_error);
  EXPECT_EQ(unread(pair.right.get()), 0);
}

TEST_P(Send, AFileThatIsCutWhileItIsSentIsAnError) {
  const SocketPair pair = unix_pair();
  make_narrow(pair);
  const std::size_t size = 3 << 20;  // more than a pipe holds
  const Descriptor file = file_with(directory_, pattern(size));
  std::string error;
  Background sender(pair.left.get(), [&] {
    error = message_of([&] { send_(pair.left.get(), file.get(), size); });
    end_stream(pair.left.get());
  });
  wait_until("its first bytes are on their way", [&] { return unread(pair.right.get()) > 0; });
  sender.wait_until_blocked();
  std::filesystem::resize_file(directory_.path() / "from", 0);
  EXPECT_LT(take(pair.right.get()).size(), size);
  sender.finish();
  EXPECT_NE(error, "");
}

TEST_P(Send, AClientThatIsGoneIsAnErrorWhereSigpipeIsIgnored) {
  const Ignored sigpipe(SIGPIPE);
  SocketPair pair = unix_pair();
  const Descriptor file = file_with(directory_, pattern(10000));
  pair.right.close();
  EXPECT_NE(message_of([&] { send_(pair.left.get(), file.get(), 10000); }).find(": Broken pipe"),
            std::string::npos);
}

TEST_P(Send, AnInterruptedTransferGoesOn) {
  const Interruptions interruptions;
  const SocketPair pair = tcp_pair();
  make_narrow(pair);
  const std::string content = pattern(1 << 20);
  const Descriptor file = file_with(directory_, content);
  Background sender(pair.left.get(), [&] {
    send_(pair.left.get(), file.get(), content.size());
    end_stream(pair.left.get());
  });
  std::string received;
  for (int i = 0; i < 5; ++i) {
    wait_until("a part is on its way", [&] { return unread(pair.right.get()) > 0; });
    sender.wait_until_blocked();
    sender.interrupt();
    received += take(pair.right.get(), 1000);
  }
  received += take(pair.right.get());
  sender.finish();
  EXPECT_TRUE(received == content);
}

INSTANTIATE_TEST_SUITE_P(Ways, Send, testing::ValuesIn(ways_to_send), name_of_way);

// --- receiving

class Receive : public testing::TestWithParam<WayToReceive> {
 protected:
  void receive(int connection, std::uint64_t size) {
    receive_and_save(GetParam().second, connection, directory_, size);
  }

  const TemporaryDirectory directory_;
};

TEST_P(Receive, NothingBehindTheSizeIsTaken) {
  const SocketPair pair = unix_pair();
  put(pair.left.get(), pattern(1000) + "more");
  receive(pair.right.get(), 1000);
  EXPECT_TRUE(read_file(directory_.path() / "to") == pattern(1000));
  EXPECT_EQ(unread(pair.right.get()), 4);
}

TEST_P(Receive, ByteByByteItIsWhole) {
  const SocketPair pair = unix_pair();
  Background sender(pair.left.get(), [&] { dribble(pair, pattern(1000), 1); });
  receive(pair.right.get(), 1000);
  sender.finish();
  EXPECT_TRUE(read_file(directory_.path() / "to") == pattern(1000));
}

TEST_P(Receive, AnEarlyEndIsAFailureThatLeavesNothing) {
  for (const std::size_t size : Sizes{0, 1, 9999}) {
    const SocketPair pair = unix_pair();
    put(pair.left.get(), pattern(size));
    end_stream(pair.left.get());
    EXPECT_EQ(message_of([&] { receive(pair.right.get(), 10000); }),
              "the server closed the connection before the end");
  }
  EXPECT_TRUE(directory_.is_empty());
}

TEST_P(Receive, AResetIsAFailureThatLeavesNothing) {
  SocketPair pair = tcp_pair();
  put(pair.left.get(), pattern(100));
  reset(pair.left);
  EXPECT_NE(message_of([&] { receive(pair.right.get(), 10000); }).find(": Connection reset by peer"),
            std::string::npos);
  EXPECT_TRUE(directory_.is_empty());
}

TEST_P(Receive, AnInterruptedTransferGoesOn) {
  const Interruptions interruptions;
  const SocketPair pair = unix_pair();
  const std::string content = pattern(10000);
  Background receiver(pair.right.get(), [&] { receive(pair.right.get(), content.size()); });
  for (std::size_t sent = 0; sent < content.size(); sent += 2500) {
    receiver.wait_until_blocked();
    receiver.interrupt();
    put_when_taken(pair, content.substr(sent, 2500));
  }
  receiver.finish();
  EXPECT_TRUE(read_file(directory_.path() / "to") == content);
}

TEST_P(Receive, ADiskThatIsFullIsAFailureThatLeavesNothing) {
  const Ignored sigxfsz(SIGXFSZ);
  const Limit a_little(RLIMIT_FSIZE, 1000);
  const SocketPair pair = unix_pair();
  put(pair.left.get(), pattern(1001));
  EXPECT_NE(message_of([&] { receive(pair.right.get(), 1001); }).find("to: File too large"),
            std::string::npos);
  EXPECT_TRUE(directory_.is_empty());
}

INSTANTIATE_TEST_SUITE_P(Ways, Receive, testing::ValuesIn(ways_to_receive), name_of_way);

}  // namespace
