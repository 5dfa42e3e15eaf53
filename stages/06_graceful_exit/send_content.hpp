// send_content.hpp: four ways to bring a file's bytes to a socket.
#pragma once

#include <cstdint>
#include <string>

/// Sends bytes 0 to `size` of `file` over `connection`. Throws when the connection fails, and when the file
/// turns out to be shorter than `size`.
using SendContent = void (*)(int connection, int file, std::uint64_t size);

void send_by_copy(int connection, int file, std::uint64_t size);
void send_by_mmap(int connection, int file, std::uint64_t size);
void send_by_sendfile(int connection, int file, std::uint64_t size);
void send_by_splice(int connection, int file, std::uint64_t size);

/// The way called `name`: "copy", "mmap", "sendfile" or "splice". Throws UsageError for another name.
SendContent find_send_content(const std::string& name);
