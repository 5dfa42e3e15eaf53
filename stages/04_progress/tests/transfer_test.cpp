// transfer_test.cpp: send_file at one end, receive_file at the other, and what stays when one of them gives up.
#include <gtest/gtest.h>

#include "receive_file.hpp"
#include "send_file.hpp"
#include "support.hpp"
#include "train.hpp"

namespace {

using namespace std::string_literals;
namespace fs = std::filesystem;

ServerOptions serving(const fs::path& file) {
  ServerOptions options;
  options.file = file;
  return options;
}

ClientOptions saving_in(const fs::path& directory) {
  ClientOptions options;
  options.directory = directory;
  return options;
}

/// The server sends `name` and then leaves; returns the client's complaint.
std::string complaint_about_name(const TemporaryDirectory& directory, const std::string& name) {
  const SocketPair pair = unix_pair();
  send_train(pair.left.get(), bytes_of(name));
  end_stream(pair.left.get());
  return message_of([&] { receive_file(pair.right.get(), saving_in(directory.path())); });
}

TEST(Transfer, BringsNameAndContent) {
  const TemporaryDirectory from;
  const TemporaryDirectory to;
  for (const std::size_t size : Sizes{0, 1, 999, 1000}) {
    const SocketPair pair = unix_pair();
    write_file(from.path() / "notes.txt", pattern(size));
    send_file(pair.left.get(), serving(from.path() / "notes.txt"));
    const Received received = receive_file(pair.right.get(), saving_in(to.path()));
    EXPECT_EQ(received.name, "notes.txt");
    EXPECT_EQ(received.size, size);
    EXPECT_EQ(read_file(to.path() / "notes.txt"), pattern(size));
  }
  EXPECT_EQ(to.entries(), 1);
}

TEST(Transfer, DoesNotWaitForTheEndOfTheStream) {
  const TemporaryDirectory directory;
  const SocketPair pair = unix_pair();
  write_file(directory.path() / "f", "content");
  send_file(pair.left.get(), serving(directory.path() / "f"));  // and the connection stays open
  EXPECT_EQ(receive_file(pair.right.get(), saving_in(directory.path())).size, 7U);
}

TEST(Transfer, OpensTheFileAnewEachTime) {
  const TemporaryDirectory from;
  const TemporaryDirectory to;
  const SocketPair pair = unix_pair();
  for (const std::string& content : {"first"s, "and second"s}) {
    write_file(from.path() / "f", content);
    send_file(pair.left.get(), serving(from.path() / "f"));
    receive_file(pair.right.get(), saving_in(to.path()));
    EXPECT_EQ(read_file(to.path() / "f"), content);
  }
}

TEST(Transfer, OfAFileThatIsGoneFailsBeforeTheFirstByte) {
  const TemporaryDirectory directory;
  const SocketPair pair = unix_pair();
  const std::string gone = directory.path() / "gone";
  EXPECT_EQ(message_of([&] { send_file(pair.left.get(), serving(gone)); }),
            gone + ": No such file or directory");
  EXPECT_EQ(unread(pair.right.get()), 0);
}

TEST(Transfer, ThatEndsBeforeTheNameLeavesNothing) {
  const TemporaryDirectory directory;
  SocketPair pair = unix_pair();
  pair.left.close();
  EXPECT_EQ(message_of([&] { receive_file(pair.right.get(), saving_in(directory.path())); }),
            "the server closed the connection before the end");
  EXPECT_TRUE(directory.is_empty());
}

TEST(Transfer, ThatEndsBehindTheNameLeavesNothing) {
  const TemporaryDirectory directory;
  EXPECT_EQ(complaint_about_name(directory, "f"), "the server closed the connection before the end");
  EXPECT_TRUE(directory.is_empty());
}

TEST(Transfer, ThatEndsBehindTheNameLeavesTheOlderFileAlone) {
  const TemporaryDirectory directory;
  write_file(directory.path() / "f", "old");
  complaint_about_name(directory, "f");
  EXPECT_EQ(read_file(directory.path() / "f"), "old");
  EXPECT_EQ(directory.entries(), 1);
}

TEST(Transfer, UnderABadNameIsRefusedAndLeavesNothing) {
  const TemporaryDirectory directory;
  for (const std::string& name : {""s, "."s, ".."s, "../f"s, "/tmp/f"s, "a\0b"s, std::string(256, 'n')})
    EXPECT_NE(complaint_about_name(directory, name).find("the server sent the name"), std::string::npos)
        << name;
  EXPECT_TRUE(directory.is_empty());
}

TEST(ServedFile, MustBeARegularFile) {
  const TemporaryDirectory directory;
  const std::string fifo = directory.path() / "fifo";
  check("mkfifo", ::mkfifo(fifo.c_str(), 0600));
  EXPECT_EQ(message_of([&] { check_file(fifo); }),
            fifo + ": not a regular file");  // and nobody waits for a writer
  EXPECT_EQ(message_of([&] { check_file(directory.path()); }),
            directory.path().string() + ": Is a directory");
}

TEST(ServedFile, MustBeThere) {
  const TemporaryDirectory directory;
  const std::string missing = directory.path() / "missing";
  EXPECT_EQ(message_of([&] { check_file(missing); }), missing + ": No such file or directory");
}

TEST(ServedFile, MayBeASymlinkAndKeepsTheLinksName) {
  const TemporaryDirectory from;
  const TemporaryDirectory to;
  const SocketPair pair = unix_pair();
  write_file(from.path() / "f", "content");
  fs::create_symlink("f", from.path() / "link");
  EXPECT_NO_THROW(check_file(from.path() / "link"));
  send_file(pair.left.get(), serving(from.path() / "link"));
  EXPECT_EQ(receive_file(pair.right.get(), saving_in(to.path())).name, "link");
}

}  // namespace
