// train.cpp: see send(2), recv(2), htonl(3), endian(3), tcp(7).
#include "train.hpp"

#include <arpa/inet.h>
#include <endian.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

#include "plumbing/system.hpp"
#include "stall.hpp"

// A stream socket promises bytes in order, never how many a call moves. send stops early after a signal
// (SIGSTOP and SIGCONT are enough) and recv takes what is there; MSG_WAITALL waits for the rest, but not
// across a signal or the end of the stream. So: add up, and call again for what is missing.

void send_exactly(int socket, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), 0);
    if (sent == -1 && try_again(socket)) continue;
    bytes = bytes.subspan(static_cast<std::size_t>(check("send", sent)));
  }
}

void receive_exactly(int socket, std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = ::recv(socket, bytes.data(), bytes.size(), MSG_WAITALL);
    if (got == -1 && errno == EINTR) continue;
    if (check("recv", got) == 0) throw std::runtime_error("the server closed the connection before the end");
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
}

void send_train(int socket, std::span<const std::byte> body) {
  struct {
    std::uint32_t length;
    Body body;
  } train;
  train.length = htonl(static_cast<std::uint32_t>(body.size()));
  std::ranges::copy(body, train.body.begin());
  send_exactly(socket, std::as_bytes(std::span{&train, 1}).first(sizeof train.length + body.size()));
}

std::span<const std::byte> receive_train(int socket, Body& storage) {
  std::uint32_t head = 0;
  receive_exactly(socket, std::as_writable_bytes(std::span{&head, 1}));
  const std::size_t length = ntohl(head);
  if (length > max_body)
    throw std::runtime_error("train of " + std::to_string(length) + " bytes: at most " +
                             std::to_string(max_body) + " are allowed");
  const std::span<std::byte> body = std::span{storage}.first(length);
  if (length > 0) receive_exactly(socket, body);
  return body;
}

void send_number(int socket, std::uint64_t number) {
  const std::uint64_t big_endian = htobe64(number);
  send_train(socket, std::as_bytes(std::span{&big_endian, 1}));
}

std::uint64_t receive_number(int socket) {
  Body storage{};
  const std::span<const std::byte> body = receive_train(socket, storage);
  std::uint64_t big_endian = 0;
  if (body.size() != sizeof big_endian)
    throw std::runtime_error("the size came in a train of " + std::to_string(body.size()) +
                             " bytes: it must have 8");
  std::memcpy(&big_endian, body.data(), sizeof big_endian);
  return be64toh(big_endian);
}
