// send_file.cpp: train(name) train(content). See open(2), read(2).
#include "send_file.hpp"

#include <fcntl.h>
#include <sys/socket.h>
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

/// The whole file, which must fit into one body.
std::span<const std::byte> read_content(const std::filesystem::path& path, Body& storage) {
  const Descriptor file = open_regular_file(path);
  const ssize_t size =
      check(path, uninterrupted([&] { return ::read(file.get(), storage.data(), storage.size()); }));
  std::byte more{};
  if (check(path, ::read(file.get(), &more, 1)) != 0)
    throw std::runtime_error(path.string() + ": larger than " + std::to_string(max_body) +
                             " bytes, the most that one train can carry");
  return std::span{storage}.first(static_cast<std::size_t>(size));
}

}  // namespace

void check_file(const std::filesystem::path& file) {
  Body storage{};
  read_content(file, storage);
}

void send_file(int connection, const ServerOptions& options) {
  Body storage{};
  const std::span<const std::byte> content = read_content(options.file, storage);
  const std::string name = options.file.filename();
  if (options.raw) {
    // Two sends, and nothing in between: TCP carries bytes, not messages.
    ::send(connection, name.data(), name.size(), 0);
    ::send(connection, content.data(), content.size(), 0);
    return;
  }
  send_train(connection, bytes_of(name));
  send_train(connection, content);
}
