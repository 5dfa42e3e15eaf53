// train.hpp: the little train, one message of the wire: a 4-byte big-endian length, then that many bytes.
//
//     +----+----+----+----+----+----+- ... -+
//     |      length       |      body       |
//     +----+----+----+----+----+----+- ... -+
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

inline constexpr std::size_t max_body = 1000;

using Body = std::array<std::byte, max_body>;

/// Sends one train; `body` holds at most max_body bytes.
void send_train(int socket, std::span<const std::byte> body);

/// Receives one train into `storage`; what is returned is a view of it.
/// Throws when the connection fails or ends, and for a length above max_body.
std::span<const std::byte> receive_train(int socket, Body& storage);

/// The same bytes, seen as bytes or as text.
inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span{text}); }
inline std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
