// send_file.cpp: train(name) train(size), then the bare bytes. See open(2), fstat(2), pread(2).
#include "send_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "plumbing/system.hpp"
#include "train.hpp"

namespace {

/// Opens for reading. O_NONBLOCK: opening a FIFO that nobody writes to would wait for ever; files don't care.
Descriptor open_regular_file(const std::filesystem::path& path) {
  const auto open = [&] { return ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC); };
  Descriptor file{check(path, uninterrupted(open))};
  struct stat about {};
  check(path, ::fstat(file.get(), &about));
  if (S_ISDIR(about.st_mode)) throw std::system_error(EISDIR, std::generic_category(), path);
  if (!S_ISREG(about.st_mode)) throw std::runtime_error(path.string() + ": not a regular file");
  return file;
}

std::uint64_t size_of(int file) {
  struct stat about {};
  check("fstat", ::fstat(file, &about));
  return static_cast<std::uint64_t>(about.st_size);
}

/// Throws where the content doesn't end at `size`: files of proc(5) say 0, files of sysfs(5) one page, and what
/// they hold is made when they are read. A size that has changed meanwhile is that of a file being written: true.
void check_size(const std::filesystem::path& path, int file, std::uint64_t size) {
  std::byte byte{};
  const auto end = static_cast<off_t>(size);
  const bool more = check(path, ::pread(file, &byte, 1, end)) > 0;
  const bool fewer = size > 0 && check(path, ::pread(file, &byte, 1, end - 1)) == 0;
  if ((more || fewer) && size_of(file) == size)
    throw std::runtime_error(path.string() + ": not the size that it says, " + std::to_string(size) +
                             " bytes");
}

}  // namespace

void check_file(const std::filesystem::path& file) {
  const Descriptor opened = open_regular_file(file);
  check_size(file, opened.get(), size_of(opened.get()));
}

void send_file(int connection, const ServerOptions& options) {
  const Descriptor file = open_regular_file(options.file);
  const std::uint64_t size = size_of(file.get());
  if (size == 0) check_size(options.file, file.get(), size);  // where it is too large, the bytes run out
  send_train(connection, bytes_of(options.file.filename().native()));
  send_number(connection, size);
  options.send(connection, file.get(), size);
}
