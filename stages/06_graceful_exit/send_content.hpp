// send_content.hpp: four ways to bring a file's bytes to a socket.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

/// Sends bytes 0 to `size` of `file` over `connection`. Throws when the connection fails, and when the file
/// turns out to be shorter than `size`.
using SendContent = void (*)(int connection, int file, std::uint64_t size);

void send_by_copy(int connection, int file, std::uint64_t size);
void send_by_mmap(int connection, int file, std::uint64_t size);
void send_by_sendfile(int connection, int file, std::uint64_t size);
void send_by_splice(int connection, int file, std::uint64_t size);

/// All of them, by name.
inline constexpr std::array<std::pair<std::string_view, SendContent>, 4> ways_to_send{
    {{"copy", send_by_copy},
     {"mmap", send_by_mmap},
     {"sendfile", send_by_sendfile},
     {"splice", send_by_splice}}};
