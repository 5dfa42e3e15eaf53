// train.cpp: see send(2), recv(2), htonl(3), tcp(7).
#include "train.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "plumbing/system.hpp"

namespace {

// Written as if one call always moved all that it was asked to move. It often does, and that is the trap.

void send_once(int socket, std::span<const std::byte> bytes) {
  ::send(socket, bytes.data(), bytes.size(), 0);
}

void receive_once(int socket, std::span<std::byte> bytes) {
  if (check("recv", ::recv(socket, bytes.data(), bytes.size(), 0)) == 0)
    throw std::runtime_error("the server closed the connection before the end");
}

}  // namespace

void send_train(int socket, std::span<const std::byte> body) {
  struct {
    std::uint32_t length;
    Body body;
  } train;
  train.length = htonl(static_cast<std::uint32_t>(body.size()));
  std::ranges::copy(body, train.body.begin());
  send_once(socket, std::as_bytes(std::span{&train, 1}).first(sizeof train.length + body.size()));
}

std::span<const std::byte> receive_train(int socket, Body& storage) {
  std::uint32_t head = 0;
  receive_once(socket, std::as_writable_bytes(std::span{&head, 1}));
  const std::size_t length = ntohl(head);
  if (length > max_body)
    throw std::runtime_error("train of " + std::to_string(length) + " bytes: at most " +
                             std::to_string(max_body) + " are allowed");
  const std::span<std::byte> body = std::span{storage}.first(length);
  if (length > 0) receive_once(socket, body);
  return body;
}
