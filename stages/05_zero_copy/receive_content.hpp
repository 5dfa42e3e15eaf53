// receive_content.hpp: three ways to bring the bytes of a socket to a file.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

class Progress;
class TargetFile;

/// Receives `size` bytes over `connection` into `target`, which is empty, and tells `progress` as they come.
/// Throws when the connection fails or ends early, and when there is no room for the file.
using ReceiveContent = void (*)(int connection, TargetFile& target, std::uint64_t size, Progress& progress);

void receive_by_copy(int connection, TargetFile& target, std::uint64_t size, Progress& progress);
void receive_by_mmap(int connection, TargetFile& target, std::uint64_t size, Progress& progress);
void receive_by_splice(int connection, TargetFile& target, std::uint64_t size, Progress& progress);

/// All of them, by name.
inline constexpr std::array<std::pair<std::string_view, ReceiveContent>, 3> ways_to_receive{
    {{"copy", receive_by_copy}, {"mmap", receive_by_mmap}, {"splice", receive_by_splice}}};
