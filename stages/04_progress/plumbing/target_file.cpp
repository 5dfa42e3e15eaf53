// target_file.cpp: see open(2) on O_TMPFILE, linkat(2), rename(2), proc(5).
#include "plumbing/target_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <stdexcept>

namespace {

std::string temporary_name(int number) {
  return ".receiving-" + std::to_string(::getpid()) + "-" + std::to_string(number);
}

}  // namespace

std::string printable(std::string_view name) {
  std::string text;
  for (const char byte : name) {
    const auto code = static_cast<unsigned char>(byte);
    std::array<char, 8> escaped{};
    std::snprintf(escaped.data(), escaped.size(), "\\x%02x", code);
    text += code < 0x20 || code == 0x7f ? std::string(escaped.data()) : std::string(1, byte);
  }
  return text;
}

void check_name(std::string_view name) {
  const auto refuse = [&](const std::string& why) {
    throw std::runtime_error("the server sent the name '" + printable(name.substr(0, 80)) + "': " + why);
  };
  if (name.empty()) refuse("it is empty");
  if (name.size() > 255) refuse("it is longer than 255 bytes");
  if (name == "." || name == "..") refuse("it is a directory");
  if (name.find('/') != std::string_view::npos) refuse("a name must not contain '/'");
  if (name.find('\0') != std::string_view::npos) refuse("a name must not contain a NUL byte");
}

TargetFile::TargetFile(const std::filesystem::path& directory, std::string_view name) : name_(name) {
  check_name(name);
  // O_PATH: to save a file takes the rights to write and to search the directory, not to read it.
  const auto open_directory = [&] { return ::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); };
  directory_ = Descriptor{check(directory, uninterrupted(open_directory))};
  if (!open_without_name()) open_with_temporary_name();
}

TargetFile::~TargetFile() {
  if (!temporary_.empty()) ::unlinkat(directory_.get(), temporary_.c_str(), 0);
}

/// A file without a name is gone with this process, however it ends: even SIGKILL leaves nothing behind.
/// Returns false on a file system that can't do it (a Windows drive under WSL, some network drives), and without
/// /proc: the way there is the one that link_as will need. Any other error the temporary name meets as well.
bool TargetFile::open_without_name() {
  const std::string self = "/proc/self/fd/" + std::to_string(directory_.get());
  const auto open_tmpfile = [&] { return ::open(self.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666); };
  file_ = Descriptor{uninterrupted(open_tmpfile)};
  return static_cast<bool>(file_);
}

void TargetFile::open_with_temporary_name() {
  for (int number = 0; !file_; ++number) {
    temporary_ = temporary_name(number);
    const int flags = O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC;
    file_ = Descriptor{::openat(directory_.get(), temporary_.c_str(), flags, 0666)};
    if (file_ || errno == EEXIST || errno == EINTR) continue;
    temporary_.clear();
    check("create " + printable(name_), -1);
  }
}

void TargetFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
    if (written == -1 && errno == EINTR) continue;
    check("write " + printable(name_), written);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    size_ += static_cast<std::uint64_t>(written);
  }
}

/// Names the nameless file. Returns false where there is such a file: linkat replaces nothing.
bool TargetFile::link_as(const std::string& name) {
  const std::string self = "/proc/self/fd/" + std::to_string(file_.get());
  const auto link = [&] {
    return ::linkat(AT_FDCWD, self.c_str(), directory_.get(), name.c_str(), AT_SYMLINK_FOLLOW);
  };
  if (uninterrupted(link) == 0) return true;
  if (errno != EEXIST) check("save " + printable(name_), -1);
  return false;
}

void TargetFile::link_as_temporary_name() {
  int number = 0;
  while (!link_as(temporary_name(number))) ++number;
  temporary_ = temporary_name(number);
}

void TargetFile::commit() {
  if (temporary_.empty()) {
    if (link_as(name_)) return;
    link_as_temporary_name();  // there is an older file, and only a file with a name can take its place
  }
  const auto rename = [&] {
    return ::renameat(directory_.get(), temporary_.c_str(), directory_.get(), name_.c_str());
  };
  check("save " + printable(name_), uninterrupted(rename));
  temporary_.clear();
}
