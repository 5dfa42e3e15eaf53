// send_file.cpp: train(name) train(content)... train(empty). See open(2), read(2).
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

}  // namespace

void check_file(const std::filesystem::path& file) { open_regular_file(file); }

void send_file(int connection, const ServerOptions& options) {
  const Descriptor file = open_regular_file(options.file);
  send_train(connection, bytes_of(options.file.filename().native()));
  Body storage{};
  ssize_t size = 0;
  do {
    size = check(options.file,
                 uninterrupted([&] { return ::read(file.get(), storage.data(), storage.size()); }));
    send_train(connection, std::span{storage}.first(static_cast<std::size_t>(size)));
  } while (size > 0);  // the last train is the empty one: the end
}
