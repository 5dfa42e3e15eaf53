// receive_file.hpp: what the client makes of the bytes on the wire.
#pragma once

#include <cstdint>
#include <string>

#include "plumbing/options.hpp"

struct Received {
  std::string name;
  std::uint64_t size = 0;  // bytes
};

/// Receives one file over `connection` and saves it in options.directory.
/// Throws, and leaves nothing behind, where the whole file has not come.
Received receive_file(int connection, const ClientOptions& options);
