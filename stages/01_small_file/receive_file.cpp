// receive_file.cpp: train(name) train(content).
#include "receive_file.hpp"

#include <sys/socket.h>

#include "plumbing/system.hpp"
#include "plumbing/target_file.hpp"
#include "train.hpp"

namespace {

/// What there is just now, up to one body; empty at the end of the stream.
std::span<const std::byte> receive_raw(int connection, Body& storage) {
  const ssize_t size = check("recv", ::recv(connection, storage.data(), storage.size(), 0));
  return std::span{storage}.first(static_cast<std::size_t>(size));
}

/// --raw: the first recv is taken for the name, the rest for the content. Nothing says where one ends.
Received receive_raw_file(int connection, const ClientOptions& options) {
  Body storage{};
  TargetFile target{options.directory, text_of(receive_raw(connection, storage))};
  for (auto bytes = receive_raw(connection, storage); !bytes.empty();
       bytes = receive_raw(connection, storage))
    target.write(bytes);
  target.commit();
  return {target.name(), target.size()};
}

}  // namespace

Received receive_file(int connection, const ClientOptions& options) {
  if (options.raw) return receive_raw_file(connection, options);
  Body storage{};
  const auto next_train = [&] { return receive_train(connection, storage); };
  TargetFile target{options.directory, text_of(next_train())};
  target.write(next_train());
  target.commit();
  return {target.name(), target.size()};
}
