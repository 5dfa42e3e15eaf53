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

TEST(SendOption, NamesOneOfFourWays) {
  const auto way = [](const char* option) {
    return server({"server", option, "host", "0", "1", "file"}).send;
  };
  EXPECT_TRUE(server({"server", "host", "0", "1", "file"}).send == send_by_sendfile);
  EXPECT_TRUE(way("--send=copy") == send_by_copy);
  EXPECT_TRUE(way("--send=mmap") == send_by_mmap);
  EXPECT_TRUE(way("--send=sendfile") == send_by_sendfile);
  EXPECT_TRUE(way("--send=splice") == send_by_splice);
}

TEST(SendOption, OfAnotherNameIsRefused) {
  EXPECT_EQ(message_of([] {
              server({"server", "--send=fast", "host", "0", "1", "file"});
            }),
            "--send must be copy, mmap, sendfile or splice, not 'fast'");
  for (const char* option : {"--send=", "--send=Copy"})
    EXPECT_THROW(server({"server", option, "host", "0", "1", "file"}), UsageError) << option;
}

TEST(ReceiveOption, NamesOneOfThreeWays) {
  EXPECT_TRUE(client({"client", "host", "1"}).receive == receive_by_splice);
  EXPECT_TRUE(client({"client", "--receive=copy", "host", "1"}).receive == receive_by_copy);
  EXPECT_TRUE(client({"client", "--receive=mmap", "host", "1"}).receive == receive_by_mmap);
  EXPECT_TRUE(client({"client", "--receive=splice", "host", "1"}).receive == receive_by_splice);
}

TEST(ReceiveOption, OfAnotherNameIsRefused) {
  EXPECT_EQ(message_of([] {
              client({"client", "--receive=sendfile", "host", "1"});
            }),
            "--receive must be copy, mmap or splice, not 'sendfile'");
  EXPECT_THROW(client({"client", "--receive=", "host", "1"}), UsageError);
}

TEST(DrainTimeout, IsThirtySecondsOrAsLongAsADay) {
  const auto timeout = [](const char* option) {
    return server({"server", option, "host", "0", "1", "file"}).drain_timeout.count();
  };
  EXPECT_EQ(timeout("--send=copy"), 30);
  EXPECT_EQ(timeout("--drain-timeout=0"), 0);
  EXPECT_EQ(timeout("--drain-timeout=86400"), 86400);
  for (const char* option :
       {"--drain-timeout=-1", "--drain-timeout=86401", "--drain-timeout=1.5", "--drain-timeout="})
    EXPECT_THROW(timeout(option), UsageError) << option;
}

TEST(StallTimeout, IsThirtySecondsOrAtLeastOne) {
  const auto timeout = [](const char* option) {
    return server({"server", option, "host", "0", "1", "file"}).stall_timeout.count();
  };
  EXPECT_EQ(timeout("--send=copy"), 30);
  EXPECT_EQ(timeout("--stall-timeout=1"), 1);
  EXPECT_EQ(timeout("--stall-timeout=86400"), 86400);
  for (const char* option : {"--stall-timeout=0", "--stall-timeout=86401", "--stall-timeout=soon"})
    EXPECT_THROW(timeout(option), UsageError) << option;
}

TEST(StallTimeout, IsNamedInTheComplaint) {
  EXPECT_EQ(message_of([] {
              server({"server", "--stall-timeout=0", "host", "0", "1", "file"});
            }),
            "--stall-timeout must be a number from 1 to 86400, not '0'");
}

}  // namespace
