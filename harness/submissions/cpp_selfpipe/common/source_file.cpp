#include "source_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <vector>

namespace {

constexpr std::size_t read_size = 64 * longest_body;

std::string_view last_component(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// Without O_NONBLOCK a FIFO would keep us until somebody writes to it.
Fd open_to_read(const std::string& path) {
  return Fd{must(shown(path), ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC))};
}

std::uint64_t size_of_regular(const std::string& path, const Fd& file) {
  struct stat facts {};
  char first = 0;
  const bool has_bytes = ::pread(file.get(), &first, 1, 0) == 1;
  must(shown(path), ::fstat(file.get(), &facts));
  if (S_ISDIR(facts.st_mode)) fail(shown(path), EISDIR);
  if (!S_ISREG(facts.st_mode)) throw Failure{shown(path) + ": not a regular file"};
  const auto size = static_cast<std::uint64_t>(facts.st_size);
  // In /proc the bytes are made when they are read, and no size is told before.
  if (size == 0 && has_bytes) throw Failure{shown(path) + ": has more than the 0 bytes that it says"};
  if (content == Content::one_train && size > longest_body)
    throw Failure{shown(path) + ": has " + std::to_string(size) + " bytes; one train carries at most " +
                  std::to_string(longest_body)};
  return size;
}

}  // namespace

SourceFile::SourceFile(const std::string& path)
    : path_{path}, file_{open_to_read(path)}, size_{size_of_regular(path, file_)} {}

void SourceFile::send(Outbox& outbox) const {
  const std::string_view name = last_component(path_);
  outbox.add_train(std::as_bytes(std::span{name}));
  if constexpr (size_goes_first) outbox.add_train(encoded(size_));

  if constexpr (content == Content::bare) {
    outbox.send_bare(file_.get(), size_);
    return;
  }
  // Only an announced size cuts a file that has grown.
  const std::uint64_t most =
      size_goes_first || content == Content::one_train ? size_ : std::numeric_limits<std::uint64_t>::max();
  if (send_as_trains(outbox, most) < size_)
    throw Failure{shown(path_) + ": became shorter while it was sent"};
  // The train that is missing yet: the empty one that ends a stream, or the only one that an empty file has.
  if (content == Content::trains_and_an_empty_one || (content == Content::one_train && size_ == 0))
    outbox.add_train({});
  outbox.flush();
}

// Returns how many bytes it found: fewer than the most where the file ends.
std::uint64_t SourceFile::send_as_trains(Outbox& outbox, std::uint64_t most) const {
  std::vector<std::byte> buffer(read_size);
  std::uint64_t sent = 0;
  while (sent < most) {
    const std::size_t wanted = std::min<std::uint64_t>(buffer.size(), most - sent);
    const std::size_t got = read_some(std::span{buffer}.first(wanted));
    if (got == 0) break;
    sent += got;
    for (Bytes rest = Bytes{buffer}.first(got); !rest.empty();) {
      const Bytes body = rest.first(std::min(rest.size(), longest_body));
      outbox.add_train(body);
      rest = rest.subspan(body.size());
    }
  }
  return sent;
}

std::size_t SourceFile::read_some(std::span<std::byte> room) const {
  const auto got = uninterrupted([&] { return ::read(file_.get(), room.data(), room.size()); });
  return static_cast<std::size_t>(must(shown(path_), got));
}
