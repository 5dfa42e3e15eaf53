// target_file_test.cpp: how the client saves a file: all of it under its name, or nothing.
#include "plumbing/target_file.hpp"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "support.hpp"
#include "train.hpp"

namespace {

using namespace std::string_literals;
namespace fs = std::filesystem;

void save(const fs::path& directory, std::string_view name, std::string_view content) {
  TargetFile target{directory, name};
  target.write(bytes_of(content));
  target.commit();
}

// --- names

TEST(Name, OfAnOrdinaryFileIsAccepted) {
  for (const std::string& name :
       {"a"s, "notes.txt"s, "..."s, ".hidden"s, "two words"s, "-rf"s, "\xe7\x81\xab"s, std::string(255, 'n')})
    EXPECT_NO_THROW(check_name(name)) << name;
}

TEST(Name, IsRefusedWhenEmptyOrLongerThan255Bytes) {
  EXPECT_EQ(message_of([] { check_name(""); }), "the server sent the name '': it is empty");
  EXPECT_THROW(check_name(std::string(256, 'n')), std::runtime_error);
  EXPECT_THROW(check_name(std::string(1000, 'n')), std::runtime_error);
}

TEST(Name, OfADirectoryIsRefused) {
  EXPECT_EQ(message_of([] { check_name("."); }), "the server sent the name '.': it is a directory");
  EXPECT_EQ(message_of([] { check_name(".."); }), "the server sent the name '..': it is a directory");
}

TEST(Name, ThatLeadsOutOfTheDirectoryIsRefused) {
  for (const char* name : {"/", "/tmp/x", "../x", "a/b", "a/", "./a"})
    EXPECT_THROW(check_name(name), std::runtime_error) << name;
}

TEST(Name, WithANulByteIsRefused) {
  EXPECT_EQ(message_of([] { check_name("a\0b"s); }),
            "the server sent the name 'a\\x00b': a name must not contain a NUL byte");
  EXPECT_THROW(check_name("\0"s), std::runtime_error);
}

TEST(Name, IsPrintedWithItsControlBytesSpelledOut) {
  EXPECT_EQ(printable("plain ~!"), "plain ~!");
  EXPECT_EQ(printable("\x1b[31m\n\r\t\x7f\x01"s), "\\x1b[31m\\x0a\\x0d\\x09\\x7f\\x01");
  EXPECT_EQ(printable("\xe7\x81\xab"), "\xe7\x81\xab");  // UTF-8 stays legible
}

TEST(Name, ThatIsRefusedIsPrintedInParts) {
  EXPECT_LT(message_of([] { check_name(std::string(1000, '\n')); }).size(), 500U);
}

// --- saving

TEST(TargetFile, IsSavedUnderItsName) {
  const TemporaryDirectory directory;
  save(directory.path(), "notes.txt", pattern(100000));
  EXPECT_EQ(read_file(directory.path() / "notes.txt"), pattern(100000));
  EXPECT_EQ(directory.entries(), 1);
}

TEST(TargetFile, CountsTheBytesThatWereWritten) {
  const TemporaryDirectory directory;
  TargetFile target{directory.path(), "f"};
  EXPECT_EQ(target.size(), 0U);
  target.write(bytes_of("abc"));
  target.write({});
  target.write(bytes_of("de"));
  EXPECT_EQ(target.size(), 5U);
  EXPECT_EQ(target.name(), "f");
}

TEST(TargetFile, MayBeEmpty) {
  const TemporaryDirectory directory;
  save(directory.path(), "empty", "");
  EXPECT_EQ(read_file(directory.path() / "empty"), "");
}

TEST(TargetFile, MayHaveTheLongestNameOfAll) {
  const TemporaryDirectory directory;
  save(directory.path(), std::string(255, 'n'), "1");
  save(directory.path(), std::string(255, 'n'), "2");
  EXPECT_EQ(read_file(directory.path() / std::string(255, 'n')), "2");
  EXPECT_EQ(directory.entries(), 1);
}

TEST(TargetFile, HasNoNameUntilItIsComplete) {
  const TemporaryDirectory directory;
  TargetFile target{directory.path(), "f"};
  target.write(bytes_of("abc"));
  EXPECT_FALSE(fs::exists(directory.path() / "f"));
}

TEST(TargetFile, LeavesNothingWhenItIsDropped) {
  const TemporaryDirectory directory;
  { TargetFile{directory.path(), "f"}.write(bytes_of("half of")); }
  EXPECT_TRUE(directory.is_empty());
}

TEST(TargetFile, LeavesNothingWhenItsNameIsRefused) {
  const TemporaryDirectory directory;
  EXPECT_THROW(TargetFile(directory.path(), "../f"), std::runtime_error);
  EXPECT_TRUE(directory.is_empty());
}

TEST(TargetFile, LeavesAnOlderFileAloneUntilItIsComplete) {
  const TemporaryDirectory directory;
  write_file(directory.path() / "f", "old");
  TargetFile target{directory.path(), "f"};
  target.write(bytes_of("new"));
  EXPECT_EQ(read_file(directory.path() / "f"), "old");
  target.commit();
  EXPECT_EQ(read_file(directory.path() / "f"), "new");
  EXPECT_EQ(directory.entries(), 1);
}

TEST(TargetFile, LeavesAnOlderFileAloneWhenItIsDropped) {
  const TemporaryDirectory directory;
  write_file(directory.path() / "f", "old");
  { TargetFile{directory.path(), "f"}.write(bytes_of("half of")); }
  EXPECT_EQ(read_file(directory.path() / "f"), "old");
  EXPECT_EQ(directory.entries(), 1);
}

TEST(TargetFile, DoesNotChangeAnOpenOlderFile) {
  const TemporaryDirectory directory;
  write_file(directory.path() / "f", "old");
  std::ifstream reader(directory.path() / "f");
  save(directory.path(), "f", "new");
  std::string content;
  reader >> content;
  EXPECT_EQ(content, "old");
}

TEST(TargetFile, ReplacesASymlinkAndDoesNotFollowIt) {
  const TemporaryDirectory directory;
  write_file(directory.path() / "elsewhere", "precious");
  fs::create_symlink("elsewhere", directory.path() / "f");
  save(directory.path(), "f", "new");
  EXPECT_FALSE(fs::is_symlink(directory.path() / "f"));
  EXPECT_EQ(read_file(directory.path() / "f"), "new");
  EXPECT_EQ(read_file(directory.path() / "elsewhere"), "precious");
}

TEST(TargetFile, ReplacesASymlinkThatLeadsNowhere) {
  const TemporaryDirectory directory;
  fs::create_symlink("nowhere", directory.path() / "f");
  save(directory.path(), "f", "new");
  EXPECT_FALSE(fs::exists(directory.path() / "nowhere"));
  EXPECT_EQ(directory.entries(), 1);
}

TEST(TargetFile, CannotReplaceADirectory) {
  const TemporaryDirectory directory;
  fs::create_directory(directory.path() / "f");
  EXPECT_EQ(message_of([&] { save(directory.path(), "f", "new"); }), "save f: Is a directory");
  EXPECT_TRUE(fs::is_directory(directory.path() / "f"));
  EXPECT_EQ(directory.entries(), 1);
}

TEST(TargetFile, MayBeCalledLikeATemporaryFile) {
  const TemporaryDirectory directory;
  const std::string name = ".receiving-" + std::to_string(::getpid()) + "-0";
  write_file(directory.path() / name, "old");
  save(directory.path(), name, "new");
  EXPECT_EQ(read_file(directory.path() / name), "new");
  EXPECT_EQ(directory.entries(), 1);
}

TEST(TargetFile, LeavesAloneWhatIsCalledLikeATemporaryFile) {
  const TemporaryDirectory directory;
  const std::string name = ".receiving-" + std::to_string(::getpid()) + "-0";
  write_file(directory.path() / name, "somebody's");
  write_file(directory.path() / "f", "old");
  save(directory.path(), "f", "new");
  EXPECT_EQ(read_file(directory.path() / name), "somebody's");
  EXPECT_EQ(read_file(directory.path() / "f"), "new");
  EXPECT_EQ(directory.entries(), 2);
}

TEST(TargetFile, RespectsTheUmask) {
  const TemporaryDirectory directory;
  const mode_t before = ::umask(027);
  save(directory.path(), "f", "content");
  ::umask(before);
  EXPECT_EQ(fs::status(directory.path() / "f").permissions(), fs::perms{0640});
}

TEST(TargetFile, NeedsADirectory) {
  const TemporaryDirectory directory;
  const std::string missing = directory.path() / "missing";
  const std::string file = directory.path() / "file";
  write_file(file, "");
  EXPECT_EQ(message_of([&] { TargetFile(missing, "f"); }), missing + ": No such file or directory");
  EXPECT_EQ(message_of([&] { TargetFile(file, "f"); }), file + ": Not a directory");
}

TEST(TargetFile, ThatTheDiskDoesNotTakeIsAnErrorThatLeavesNothing) {
  const TemporaryDirectory directory;
  const Ignored sigxfsz(SIGXFSZ);
  const Limit a_little(RLIMIT_FSIZE, 1000);
  EXPECT_EQ(message_of([&] { save(directory.path(), "f", pattern(1001)); }), "write f: File too large");
  EXPECT_TRUE(directory.is_empty());
}

TEST(TargetFile, IsClosedOnExec) {
  const TemporaryDirectory directory;
  EXPECT_EQ(::fcntl(TargetFile(directory.path(), "f").descriptor(), F_GETFD), FD_CLOEXEC);
}

// --- a file system without O_TMPFILE: from here on the kernel refuses it, to this process and until its end

void refuse_nameless_files() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args) + 2 * sizeof(std::uint64_t)),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_TMPFILE & ~O_DIRECTORY, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{std::size(program), program};
  check("no new privileges", ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  check("seccomp", ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter));
}

/// Runs `story` in a process of its own, whose file systems have no O_TMPFILE.
template <typename Story>
void expect_success_without_o_tmpfile(Story story) {
  EXPECT_EXIT(
      {
        refuse_nameless_files();
        story();
        ::_exit(0);
      },
      testing::ExitedWithCode(0), "");
}

TEST(TargetFileDeathTest, WithoutOTmpfileItIsSavedAllTheSame) {
  const TemporaryDirectory directory;
  expect_success_without_o_tmpfile([&] { save(directory.path(), "f", "content"); });
  EXPECT_EQ(read_file(directory.path() / "f"), "content");
  EXPECT_EQ(directory.entries(), 1);
}

TEST(TargetFileDeathTest, WithoutOTmpfileItHasATemporaryNameUntilItIsComplete) {
  const TemporaryDirectory directory;
  expect_success_without_o_tmpfile([&] {
    const TargetFile target{directory.path(), "f"};
    const std::string name = ".receiving-" + std::to_string(::getpid()) + "-0";
    if (!fs::exists(directory.path() / name)) throw std::runtime_error("there is no " + name);
  });
}

TEST(TargetFileDeathTest, WithoutOTmpfileItReplacesAnOlderFile) {
  const TemporaryDirectory directory;
  write_file(directory.path() / "f", "old");
  expect_success_without_o_tmpfile([&] { save(directory.path(), "f", "new"); });
  EXPECT_EQ(read_file(directory.path() / "f"), "new");
  EXPECT_EQ(directory.entries(), 1);
}

TEST(TargetFileDeathTest, WithoutOTmpfileItLeavesNothingWhenItIsDropped) {
  const TemporaryDirectory directory;
  expect_success_without_o_tmpfile([&] { TargetFile(directory.path(), "f").write(bytes_of("half of")); });
  EXPECT_TRUE(directory.is_empty());
}

TEST(TargetFileDeathTest, WithoutOTmpfileItCannotReplaceADirectory) {
  const TemporaryDirectory directory;
  fs::create_directory(directory.path() / "f");
  expect_success_without_o_tmpfile([&] {
    if (message_of([&] { save(directory.path(), "f", "new"); }) != "save f: Is a directory") ::_exit(1);
  });
  EXPECT_EQ(directory.entries(), 1);
}

}  // namespace
