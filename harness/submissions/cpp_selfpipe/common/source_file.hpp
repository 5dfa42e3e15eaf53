// source_file.hpp: the file that every client gets.
#pragma once

#include <string>

#include "outbox.hpp"
#include "system.hpp"
#include "wire.hpp"

class SourceFile {
 public:
  // Opens a regular file that fits the format.
  explicit SourceFile(const std::string& path);

  // Name and content, in the format of the stage.
  void send(Outbox& outbox) const;

 private:
  std::size_t read_some(std::span<std::byte> room) const;
  std::uint64_t send_as_trains(Outbox& outbox, std::uint64_t most) const;

  std::string path_;
  Fd file_;
  std::uint64_t size_;  // when it was opened
};
