// stall_test.cpp: a client that takes nothing is given up, whatever sends to it; one that is slow is not.
#include "stall.hpp"

#include <gtest/gtest.h>

#include "send_content.hpp"
#include "support.hpp"
#include "train.hpp"

namespace {

constexpr std::chrono::milliseconds short_time{40};
constexpr std::chrono::hours long_time{24};

/// A client, and the server's side of its connection, with little room on the way.
struct Connected {
  explicit Connected(std::chrono::milliseconds timeout) {
    const Descriptor listener = listen_on("127.0.0.1", "0");
    drop_when_stalled(listener.get(), timeout);
    client = connect_to("127.0.0.1", port_of(listener.get()));
    server = accept_from(listener);
  }

  /// Sends a file with this content.
  void send(SendContent way, const std::string& content) const {
    const TemporaryDirectory directory;
    write_file(directory.path() / "file", content);
    const Descriptor file{check("open", ::open((directory.path() / "file").c_str(), O_RDONLY | O_CLOEXEC))};
    way(server.get(), file.get(), content.size());
  }

  Descriptor client;
  Descriptor server;
};

const std::string much(16 << 20, 'x');  // more than the buffers of a connection on loopback hold

using WayToSend = decltype(ways_to_send)::value_type;

class Stall : public testing::TestWithParam<WayToSend> {};

TEST_P(Stall, AClientThatTakesNothingIsGivenUp) {
  Connected connected{short_time};
  const auto send = [&] { connected.send(GetParam().second, much); };
  EXPECT_EQ(message_of(send), "the client took not one byte for 0 s");
  connected.server.close();
  EXPECT_NE(message_of([&] { take(connected.client.get()); }).find("Connection reset by peer"),
            std::string::npos);
}

TEST_P(Stall, AClientThatIsGoneIsAnError) {
  Connected connected{long_time};
  Background sender(connected.server.get(), [&] {
    // EPIPE from a call that had moved some bytes before, ECONNRESET from others.
    const std::string said = message_of([&] { connected.send(GetParam().second, much); });
    EXPECT_TRUE(said.ends_with("Broken pipe") || said.ends_with("Connection reset by peer")) << said;
  });
  sender.wait_until_blocked();
  reset(connected.client);
  sender.finish();
}

TEST_P(Stall, AClientThatTakesAllLateGetsAll) {
  const Connected connected{long_time};
  Background sender(connected.server.get(), [&] { connected.send(GetParam().second, much); });
  sender.wait_until_blocked();
  EXPECT_EQ(take(connected.client.get(), much.size()).size(), much.size());
  sender.finish();
}

INSTANTIATE_TEST_SUITE_P(Ways, Stall, testing::ValuesIn(ways_to_send),
                         [](const auto& test) { return std::string(test.param.first); });

TEST(Stalled, TrainsAsWell) {
  const Connected connected{short_time};
  const std::string body(max_body, 'x');
  const auto send = [&] {
    for (;;) send_train(connected.server.get(), bytes_of(body));
  };
  EXPECT_EQ(message_of(send), "the client took not one byte for 0 s");
}

TEST(TryAgain, KnowsWhichErrorsPass) {
  const Connected connected{long_time};
  for (const int error : {EINTR, EAGAIN}) {
    errno = error;
    EXPECT_TRUE(try_again(connected.server.get()));  // there is room
  }
  errno = EPIPE;
  EXPECT_FALSE(try_again(connected.server.get()));
}

}  // namespace
