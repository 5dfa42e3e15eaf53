// reserve_test.cpp: room for the whole file, before its first byte.
#include <gtest/gtest.h>

#include "plumbing/target_file.hpp"
#include "support.hpp"
#include "train.hpp"

namespace {

struct stat about(const TargetFile& target) {
  struct stat result {};
  check("fstat", ::fstat(target.descriptor(), &result));
  return result;
}

TEST(Reserve, MakesTheFileAsLongAndTakesTheBlocks) {
  const TemporaryDirectory directory;
  TargetFile target{directory.path(), "f"};
  target.reserve(1 << 20);
  EXPECT_EQ(target.size(), 1U << 20);
  EXPECT_EQ(about(target).st_size, 1 << 20);
  EXPECT_GE(about(target).st_blocks, (1 << 20) / 512);  // not sparse: the disk cannot become full under it
}

TEST(Reserve, OfNothingIsNothing) {
  const TemporaryDirectory directory;
  TargetFile target{directory.path(), "f"};
  target.reserve(0);
  target.commit();
  EXPECT_EQ(read_file(directory.path() / "f"), "");
}

TEST(Reserve, LeavesTheFileToBeFilledFromItsStart) {
  const TemporaryDirectory directory;
  TargetFile target{directory.path(), "f"};
  target.reserve(3);
  EXPECT_EQ(::write(target.descriptor(), "abc", 3), 3);
  target.commit();
  EXPECT_EQ(read_file(directory.path() / "f"), "abc");
}

TEST(Reserve, OfMoreThanAnyFileCanHoldIsAnError) {
  const TemporaryDirectory directory;
  for (const std::uint64_t size : {std::uint64_t{1} << 63, UINT64_MAX}) {
    TargetFile target{directory.path(), "f"};
    EXPECT_EQ(message_of([&] { target.reserve(size); }),
              "reserve " + std::to_string(size) + " bytes for f: File too large");
    EXPECT_EQ(target.size(), 0U);
  }
  EXPECT_TRUE(directory.is_empty());
}

TEST(Reserve, OfMoreThanTheDiskHasIsAnErrorThatLeavesNothing) {
  const TemporaryDirectory directory;
  {
    TargetFile target{directory.path(), "f"};
    EXPECT_THROW(target.reserve(INT64_MAX),
                 std::system_error);  // "too large" or "no space", as the disk has it
    EXPECT_THROW(target.reserve(std::uint64_t{1} << 60), std::system_error);
  }
  EXPECT_TRUE(directory.is_empty());
}

TEST(Reserve, AboveTheLimitOfTheProcessIsAnError) {
  const TemporaryDirectory directory;
  const Ignored sigxfsz(SIGXFSZ);
  const Limit a_little(RLIMIT_FSIZE, 1000);
  TargetFile target{directory.path(), "f"};
  EXPECT_EQ(message_of([&] { target.reserve(1001); }), "reserve 1001 bytes for f: File too large");
}

}  // namespace
