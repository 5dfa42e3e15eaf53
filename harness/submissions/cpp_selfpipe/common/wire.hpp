// wire.hpp: what the stages differ in, and the numbers of the wire.
#pragma once

#include <endian.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

inline constexpr int stage = BYTETRAIN_STAGE;
static_assert(stage >= 1 && stage <= 6);

enum class Content { one_train, trains_and_an_empty_one, trains_that_add_up, bare };

inline constexpr Content content = stage == 1   ? Content::one_train
                                   : stage <= 3 ? Content::trains_and_an_empty_one
                                   : stage == 4 ? Content::trains_that_add_up
                                                : Content::bare;
inline constexpr bool size_goes_first = content == Content::trains_that_add_up || content == Content::bare;

inline constexpr std::size_t longest_body = 1000;
inline constexpr std::size_t longest_name = 255;

using Bytes = std::span<const std::byte>;
using Head = std::array<std::byte, sizeof(std::uint32_t)>;
using Size = std::array<std::byte, sizeof(std::uint64_t)>;

inline Head head_of(std::size_t length) {
  const std::uint32_t big_endian = htobe32(static_cast<std::uint32_t>(length));
  Head result;
  std::memcpy(result.data(), &big_endian, result.size());
  return result;
}

inline Size encoded(std::uint64_t size) {
  const std::uint64_t big_endian = htobe64(size);
  Size result;
  std::memcpy(result.data(), &big_endian, result.size());
  return result;
}

// The caller has looked at the length.
inline std::size_t length_in(Bytes head) {
  std::uint32_t big_endian = 0;
  std::memcpy(&big_endian, head.data(), sizeof big_endian);
  return be32toh(big_endian);
}

inline std::uint64_t size_in(Bytes body) {
  std::uint64_t big_endian = 0;
  std::memcpy(&big_endian, body.data(), sizeof big_endian);
  return be64toh(big_endian);
}
