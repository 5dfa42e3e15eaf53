#include "inbox.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

namespace {

constexpr std::size_t buffer_size = 256 * 1024;
static_assert(buffer_size >= longest_body);

}  // namespace

Inbox::Inbox(Fd connection, SignalPipe& signals)
    : connection_{std::move(connection)}, signals_{signals}, buffer_(buffer_size) {}

Bytes Inbox::train() {
  const std::size_t length = length_in(exactly(sizeof(Head)));
  if (length > longest_body) {
    throw Failure{"the server announces a train of " + std::to_string(length) + " bytes, and " +
                  std::to_string(longest_body) + " is the most"};
  }
  return exactly(length);
}

Bytes Inbox::some(std::uint64_t most) {
  if (filled() == 0) refill();
  return take(std::min<std::uint64_t>(filled(), most));
}

Bytes Inbox::exactly(std::size_t wanted) {
  while (filled() < wanted) refill();
  return take(wanted);
}

Bytes Inbox::take(std::size_t bytes) {
  const Bytes result = Bytes{buffer_}.subspan(begin_, bytes);
  begin_ += bytes;
  return result;
}

// Called only when what is left is less than a train: moving it to the front costs little.
void Inbox::refill() {
  std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
            buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
  end_ = filled();
  begin_ = 0;
  for (;;) {
    wait_for(connection_.get(), POLLIN, signals_);
    const ssize_t got = ::recv(connection_.get(), buffer_.data() + end_, buffer_.size() - end_, 0);
    if (got == 0) throw Failure{"the server has closed the connection before the file was complete"};
    if (got > 0) {
      end_ += static_cast<std::size_t>(got);
      return;
    }
    if (errno != EAGAIN && errno != EINTR) fail("receive", errno);
  }
}
