// receive_file.cpp: train(name) train(size), then the bare bytes.
#include "receive_file.hpp"

#include "plumbing/progress.hpp"
#include "plumbing/target_file.hpp"
#include "train.hpp"

Received receive_file(int connection, const ClientOptions& options) {
  Body storage{};
  TargetFile target{options.directory, text_of(receive_train(connection, storage))};
  const std::uint64_t size = receive_number(connection);
  Progress progress{size};
  options.receive(connection, target, size, progress);
  target.commit();
  return {target.name(), target.size()};
}
