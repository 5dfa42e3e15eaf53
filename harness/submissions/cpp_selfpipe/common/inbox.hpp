// inbox.hpp: what a client reads. One large buffer is filled with whatever is there; trains are cut out of it.
#pragma once

#include <vector>

#include "signal_pipe.hpp"
#include "system.hpp"
#include "wire.hpp"

// Everything that is returned lies in the buffer, and is valid until the next call. An end of the stream, a wrong
// length and a signal are exceptions.
class Inbox {
 public:
  Inbox(Fd connection, SignalPipe& signals);

  // The body of the next train.
  Bytes train();

  // At least one of the next bytes, and at most so many: what is there. `most` is not 0.
  Bytes some(std::uint64_t most);

 private:
  Bytes exactly(std::size_t wanted);
  Bytes take(std::size_t bytes);
  void refill();
  std::size_t filled() const { return end_ - begin_; }

  Fd connection_;
  SignalPipe& signals_;
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0, end_ = 0;  // of what is in the buffer and has not been taken
};
