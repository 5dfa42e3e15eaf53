// send_content.cpp: see mmap(2), sendfile(2), splice(2), pipe(7).
//
// Where the bytes of a file go on their way to the network card, "->" being a copy made by the CPU:
//
//   copy      page cache -> buffer of this process -> socket        two copies, two calls a piece
//   mmap      page cache -> socket                                  one copy; page faults instead of read
//   sendfile  page cache    socket                                  none: the socket refers to the cached pages
//   splice    page cache    pipe    socket                          none: the pipe refers to them in between
//
// One call of any kind moves at most 0x7ffff000 bytes, one page under 2 GiB (read(2), NOTES), so each has a loop.
#include "send_content.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "plumbing/system.hpp"
#include "stall.hpp"
#include "train.hpp"
#include "zero_copy.hpp"

namespace {

constexpr std::size_t piece = 65536;  // bytes

/// 0 from a read-like call says: no byte is left. Asked again, it says so for ever.
std::size_t more_than_none(const std::string& call, ssize_t count) {
  if (check(call, count) == 0) throw std::runtime_error(call + ": the file became shorter while it was sent");
  return static_cast<std::size_t>(count);
}

}  // namespace

void send_by_copy(int connection, int file, std::uint64_t size) {
  std::vector<std::byte> buffer(piece);
  while (size > 0) {
    const std::size_t wanted = std::min<std::uint64_t>(buffer.size(), size);
    const auto read = [&] { return ::read(file, buffer.data(), wanted); };
    const std::size_t got = more_than_none("read", uninterrupted(read));
    send_exactly(connection, std::span{buffer}.first(got));
    size -= got;
  }
}

/// If the file is cut, its pages are gone from the mapping: send stops before them or fails with EFAULT.
/// Code of our own that touched such a page would die of SIGBUS. But a page that is cut in its middle stays, and
/// what was cut off reads as zeros (mmap(2), NOTES). So the last page is read: read says how much of it is there.
void send_by_mmap(int connection, int file, std::uint64_t size) {
  if (size == 0) return;  // an empty mapping is EINVAL
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::uint64_t last_page = (size - 1) / page * page;  // where it begins
  if (last_page > 0) send_exactly(connection, Mapping{file, last_page, PROT_READ}.bytes());
  check("lseek", ::lseek(file, static_cast<off_t>(last_page), SEEK_SET));
  send_by_copy(connection, file, size - last_page);
}

/// No snapshot: the queue refers to the cached pages until the client has acknowledged them. What is written to them
/// meanwhile goes out instead of what was there; a cut puts zeros behind the new end, up to the end of the page or
/// of the larger block that the cache has there. No call fails (sendfile(2), NOTES). So it is with splice, not copy.
void send_by_sendfile(int connection, int file, std::uint64_t size) {
  while (size > 0) {
    const ssize_t sent = ::sendfile(connection, file, nullptr, size);
    if (sent == -1 && try_again(connection)) continue;
    size -= more_than_none("sendfile", sent);
  }
}

void send_by_splice(int connection, int file, std::uint64_t size) {
  const Pipe pipe;
  while (size > 0) {
    const std::size_t wanted = std::min<std::uint64_t>(pipe.capacity, size);
    const auto fill = [&] { return ::splice(file, nullptr, pipe.in.get(), nullptr, wanted, 0); };
    std::size_t in_pipe = more_than_none("splice", uninterrupted(fill));
    size -= in_pipe;
    const unsigned more = size > 0 ? SPLICE_F_MORE : 0;  // don't send a small packet: there is more to come
    while (in_pipe > 0) {
      const ssize_t sent = ::splice(pipe.out.get(), nullptr, connection, nullptr, in_pipe, more);
      if (sent == -1 && try_again(connection)) continue;
      in_pipe -= static_cast<std::size_t>(check("splice", sent));
    }
  }
}
