// zero_copy.cpp: a mapping and a pipe with room for 1 MiB, each given back when its scope ends. See zero_copy.hpp.
#include "zero_copy.hpp"

#include <fcntl.h>
#include <sys/mman.h>

Mapping::Mapping(int file, std::uint64_t size, int protection) : size_(size) {
  void* const start = ::mmap(nullptr, size, protection, MAP_SHARED, file, 0);
  if (start == MAP_FAILED) check("mmap", -1);  // MAP_FAILED is -1, not a null pointer
  start_ = static_cast<std::byte*>(start);
}

Mapping::~Mapping() { ::munmap(start_, size_); }

Pipe::Pipe() {
  int ends[2];
  check("pipe2", ::pipe2(ends, O_CLOEXEC));
  out = Descriptor{ends[0]};
  in = Descriptor{ends[1]};
  // 1 MiB is what an ordinary user may have: /proc/sys/fs/pipe-max-size. Refused, the pipe stays at 64 KiB.
  ::fcntl(in.get(), F_SETPIPE_SZ, 1024 * 1024);
  capacity = static_cast<std::size_t>(check("fcntl F_GETPIPE_SZ", ::fcntl(in.get(), F_GETPIPE_SZ)));
}
