// outbox.hpp: what a worker sends to one client. The connection doesn't block: waiting for room is done here, with an
// eye on clients that take nothing.
#pragma once

#include <string>
#include <vector>

#include "system.hpp"
#include "wire.hpp"

class Outbox {
 public:
  explicit Outbox(const Fd& connection);

  // Into the buffer, which is sent when it is full.
  void add_train(Bytes body);

  // Sends what is in the buffer.
  void flush();

  // Sends the next bytes of a file as they are. See sendfile(2).
  void send_bare(int file, std::uint64_t size);

 private:
  void wait_for_room();
  int bytes_not_taken() const;

  int connection_;
  std::vector<std::byte> buffer_;
};
