// big_file_test.cpp: files around every boundary, from send_file to receive_file.
#include <gtest/gtest.h>

#include "receive_file.hpp"
#include "send_file.hpp"
#include "support.hpp"

namespace {

class BigFile : public testing::TestWithParam<std::size_t> {};

TEST_P(BigFile, ArrivesWhole) {
  const TemporaryDirectory from;
  const TemporaryDirectory to;
  const SocketPair pair = unix_pair();
  ServerOptions server;
  server.file = from.path() / "f";
  ClientOptions client;
  client.directory = to.path();
  write_file(server.file, pattern(GetParam()));

  Background sender(pair.left.get(), [&] { send_file(pair.left.get(), server); });
  const Received received = receive_file(pair.right.get(), client);
  sender.finish();
  EXPECT_EQ(received.size, GetParam());
  EXPECT_TRUE(read_file(to.path() / "f") == pattern(GetParam()));  // EXPECT_EQ would print a MiB
}

INSTANTIATE_TEST_SUITE_P(OfBytes, BigFile,
                         testing::Values(0, 1001, 1999, 2000, 2001, 4096, 65535, 65536, 65537, 1 << 20,
                                         (3 << 20) + 17),
                         testing::PrintToStringParamName());

}  // namespace
