// options_test.cpp: what the two programs can be told, and what they refuse.
#include "plumbing/options.hpp"

#include <gtest/gtest.h>

#include "plumbing/command_line.hpp"
#include "support.hpp"

namespace {

ServerOptions server(Arguments words) { return parse_server_options(words.count(), words.values()); }
ClientOptions client(Arguments words) { return parse_client_options(words.count(), words.values()); }

TEST(ServerOptions, AreHostPortWorkersFile) {
  const ServerOptions options = server({"server", "127.0.0.1", "8080", "4", "notes.txt"});
  EXPECT_EQ(options.host, "127.0.0.1");
  EXPECT_EQ(options.port, "8080");
  EXPECT_EQ(options.workers, 4U);
  EXPECT_EQ(options.file, "notes.txt");
}

TEST(ServerOptions, MustAllBeThereAndNoMore) {
  EXPECT_THROW(server({"server"}), UsageError);
  EXPECT_THROW(server({"server", "host", "1", "1"}), UsageError);
  EXPECT_THROW(server({"server", "host", "1", "1", "file", "more"}), UsageError);
}

TEST(ServerOptions, TakeAPortFromZeroOn) {
  EXPECT_EQ(server({"server", "host", "0", "1", "file"}).port, "0");
  EXPECT_EQ(server({"server", "host", "65535", "1", "file"}).port, "65535");
  for (const char* port : {"-1", "65536", "http", "", "80 "})
    EXPECT_THROW(server({"server", "--", "host", port, "1", "file"}), UsageError) << port;
}

TEST(ServerOptions, TakeOneTo512Workers) {
  EXPECT_EQ(server({"server", "host", "0", "1", "file"}).workers, 1U);
  EXPECT_EQ(server({"server", "host", "0", "512", "file"}).workers, 512U);
  for (const char* workers : {"0", "513", "-1", "two", "", "18446744073709551617"})
    EXPECT_THROW(server({"server", "--", "host", "0", workers, "file"}), UsageError) << workers;
}

TEST(ServerOptions, RefuseWhatNobodyKnows) {
  EXPECT_THROW(server({"server", "--fast", "host", "0", "1", "file"}), UsageError);
}

TEST(ClientOptions, AreHostPortAndMaybeADirectory) {
  const ClientOptions options = client({"client", "localhost", "8080", "/tmp"});
  EXPECT_EQ(options.host, "localhost");
  EXPECT_EQ(options.port, "8080");
  EXPECT_EQ(options.directory, "/tmp");
  EXPECT_EQ(client({"client", "localhost", "8080"}).directory, ".");
}

TEST(ClientOptions, MustBeTwoOrThree) {
  EXPECT_THROW(client({"client", "localhost"}), UsageError);
  EXPECT_THROW(client({"client", "localhost", "1", "directory", "more"}), UsageError);
}

TEST(ClientOptions, TakeAPortFromOneOn) {
  EXPECT_EQ(client({"client", "host", "1"}).port, "1");
  EXPECT_EQ(client({"client", "host", "65535"}).port, "65535");
  for (const char* port : {"0", "-1", "65536", "http", ""})
    EXPECT_THROW(client({"client", "--", "host", port}), UsageError) << port;
}

TEST(ClientOptions, RefuseWhatNobodyKnows) {
  EXPECT_THROW(client({"client", "--fast", "host", "1"}), UsageError);
}

TEST(OptionsDeathTest, HelpEndsWithZeroWhateverElseIsThere) {
  EXPECT_EXIT(server({"server", "--help"}), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(client({"client", "host", "0", "--help"}), testing::ExitedWithCode(0), "");
}

TEST(RawOption, IsOffUnlessAskedFor) {
  EXPECT_FALSE(server({"server", "host", "0", "1", "file"}).raw);
  EXPECT_FALSE(client({"client", "host", "1"}).raw);
  EXPECT_TRUE(server({"server", "--raw", "host", "0", "1", "file"}).raw);
  EXPECT_TRUE(client({"client", "--raw", "host", "1"}).raw);
}

}  // namespace
