// raw_test.cpp: --raw, name and content without trains: a stream has no message boundaries.
#include <gtest/gtest.h>

#include "receive_file.hpp"
#include "send_file.hpp"
#include "support.hpp"

namespace {

class Raw : public testing::Test {
 protected:
  Raw() {
    write_file(from_.path() / "f.txt", "hello");
    server_.file = from_.path() / "f.txt";
    server_.raw = true;
    client_.directory = to_.path();
    client_.raw = true;
  }

  const TemporaryDirectory from_;
  const TemporaryDirectory to_;
  const SocketPair pair_ = unix_pair();
  ServerOptions server_;
  ClientOptions client_;
};

TEST_F(Raw, NothingOnTheWireSaysWhereTheNameEnds) {
  send_file(pair_.left.get(), server_);
  end_stream(pair_.left.get());
  EXPECT_EQ(take(pair_.right.get()), "f.txthello");
}

TEST_F(Raw, TheNameSwallowsTheContent) {
  send_file(pair_.left.get(), server_);  // two sends, both have arrived before the first recv
  end_stream(pair_.left.get());
  const Received received = receive_file(pair_.right.get(), client_);
  EXPECT_EQ(received.name, "f.txthello");
  EXPECT_EQ(received.size, 0U);
}

TEST_F(Raw, OnlyAPauseInBetweenMakesItLookRight) {
  Background server(pair_.left.get(), [this] {
    put(pair_.left.get(), "f.txt");
    put_when_taken(pair_, "hello");
    end_stream(pair_.left.get());
  });
  const Received received = receive_file(pair_.right.get(), client_);
  server.finish();
  EXPECT_EQ(received.name, "f.txt");
  EXPECT_EQ(read_file(to_.path() / "f.txt"), "hello");
}

TEST_F(Raw, AnEndBeforeTheNameIsReported) {
  end_stream(pair_.left.get());
  EXPECT_THROW(receive_file(pair_.right.get(), client_), std::runtime_error);
  EXPECT_TRUE(to_.is_empty());
}

}  // namespace
