// receive_content.cpp: see recv(2), splice(2), mmap(2), fallocate(2).
//
//   copy      socket -> buffer of this process -> page cache        two copies
//   mmap      socket -> page cache                                  one copy, and a page fault for each page
//   splice    socket    pipe -> page cache                          one copy, by the kernel alone
#include "receive_content.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "plumbing/progress.hpp"
#include "plumbing/target_file.hpp"
#include "train.hpp"
#include "zero_copy.hpp"

namespace {

constexpr std::size_t piece = 262144;  // bytes

/// The count of a receiving call; the end of the stream is too early here.
std::size_t before_end(const std::string& call, ssize_t count) {
  if (check(call, count) == 0) throw std::runtime_error("the server closed the connection before the end");
  return static_cast<std::size_t>(count);
}

}  // namespace

void receive_by_copy(int connection, TargetFile& target, std::uint64_t size, Progress& progress) {
  std::vector<std::byte> buffer(piece);
  while (target.size() < size) {
    const std::size_t wanted = std::min<std::uint64_t>(buffer.size(), size - target.size());
    const ssize_t got = ::recv(connection, buffer.data(), wanted, 0);
    if (got == -1 && errno == EINTR) continue;
    target.write(std::span{buffer}.first(before_end("recv", got)));
    progress.update(target.size());
  }
}

void receive_by_mmap(int connection, TargetFile& target, std::uint64_t size, Progress& progress) {
  target.reserve(size);  // a mapping past the end of the file, or of the disk, is SIGBUS
  if (size == 0) return;
  const Mapping mapping{target.descriptor(), size, PROT_READ | PROT_WRITE};
  std::span<std::byte> rest = mapping.bytes();
  while (!rest.empty()) {
    const ssize_t got = ::recv(connection, rest.data(), std::min(rest.size(), piece), 0);
    if (got == -1 && errno == EINTR) continue;
    rest = rest.subspan(before_end("recv", got));
    progress.update(size - rest.size());
  }
}

void receive_by_splice(int connection, TargetFile& target, std::uint64_t size, Progress& progress) {
  target.reserve(size);
  const Pipe pipe;
  for (std::uint64_t received = 0; received < size; progress.update(received)) {
    const std::size_t wanted = std::min<std::uint64_t>(pipe.capacity, size - received);
    const ssize_t got = ::splice(connection, nullptr, pipe.in.get(), nullptr, wanted, 0);
    if (got == -1 && errno == EINTR) continue;
    std::size_t in_pipe = before_end("splice", got);
    received += in_pipe;
    while (in_pipe > 0) {
      const ssize_t saved = ::splice(pipe.out.get(), nullptr, target.descriptor(), nullptr, in_pipe, 0);
      if (saved == -1 && errno == EINTR) continue;
      in_pipe -= static_cast<std::size_t>(check("write " + printable(target.name()), saved));
    }
  }
}
