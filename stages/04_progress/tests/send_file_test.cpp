// send_file_test.cpp: the exact bytes that the server puts on the wire.
#include "send_file.hpp"

#include <gtest/gtest.h>

#include "support.hpp"

namespace {

using namespace std::string_literals;

std::string wire_of(const std::string& content) {
  const TemporaryDirectory directory;
  write_file(directory.path() / "f.txt", content);
  const SocketPair pair = unix_pair();
  ServerOptions options;
  options.file = directory.path() / "f.txt";
  send_file(pair.left.get(), options);
  end_stream(pair.left.get());
  return take(pair.right.get());
}

TEST(SendFile, PutsTheNameTheSizeAndTheContent) {
  EXPECT_EQ(wire_of("hello"), "\0\0\0\5f.txt\0\0\0\x08\0\0\0\0\0\0\0\5\0\0\0\5hello"s);
}

TEST(SendFile, PutsNothingBehindTheSizeOfAnEmptyFile) {
  EXPECT_EQ(wire_of(""), "\0\0\0\5f.txt\0\0\0\x08\0\0\0\0\0\0\0\0"s);
}

TEST(SendFile, PutsALargerFileInTrainsOf1000) {
  const std::string content = pattern(2001);
  EXPECT_EQ(wire_of(content), "\0\0\0\5f.txt\0\0\0\x08\0\0\0\0\0\0\x07\xd1"s + "\0\0\x03\xe8"s +
                                  content.substr(0, 1000) + "\0\0\x03\xe8"s + content.substr(1000, 1000) +
                                  "\0\0\0\1"s + content.substr(2000));
}

/// What is said when the server starts with a file, and when a transfer of it begins.
std::string refused_at_the_start(const std::string& file) {
  return message_of([&] { check_file(file); });
}
std::string refused_later(const std::string& file) {
  const SocketPair pair = unix_pair();
  ServerOptions options;
  options.file = file;
  return message_of([&] { send_file(pair.left.get(), options); });
}

TEST(SendFile, AFileOfProcSaysZeroBytesAndIsRefused) {
  const std::string message = "/proc/version: not the size that it says, 0 bytes";
  EXPECT_EQ(refused_at_the_start("/proc/version"), message);
  EXPECT_EQ(refused_later("/proc/version"), message);
}

TEST(SendFile, AFileOfSysSaysAPageAndIsRefused) {
  const std::string file = "/sys/devices/system/cpu/online";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "no sysfs is mounted here";
  EXPECT_NE(refused_at_the_start(file).find(": not the size that it says, "), std::string::npos);
  EXPECT_NE(refused_later(file).find("became shorter while it was sent"), std::string::npos);
}

TEST(SendFile, AnEmptyFileAndOneByteAreWhatTheySay) {
  const TemporaryDirectory directory;
  for (const std::size_t size : Sizes{0, 1, 4096}) {
    write_file(directory.path() / "f.txt", pattern(size));
    EXPECT_EQ(refused_at_the_start(directory.path() / "f.txt"), "") << size << " bytes";
  }
}

}  // namespace
