// zero_copy.hpp: what both sides need for it: a mapping and a pipe that end with their scope.
// See mmap(2), pipe(7), fcntl(2) on F_SETPIPE_SZ.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "plumbing/system.hpp"

/// The first `size` bytes of `file` (more than 0: an empty mapping is EINVAL), shared with the page cache.
class Mapping {
 public:
  Mapping(int file, std::uint64_t size, int protection);  // PROT_READ, or PROT_READ | PROT_WRITE
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  [[nodiscard]] std::span<std::byte> bytes() const { return {start_, size_}; }

 private:
  std::byte* start_ = nullptr;
  std::size_t size_;
};

/// A pipe of up to 1 MiB: splice(2) moves pages from one descriptor to another only through a pipe.
struct Pipe {
  Descriptor out;  // read end
  Descriptor in;  // write end
  std::size_t capacity = 0;  // bytes

  Pipe();
};
