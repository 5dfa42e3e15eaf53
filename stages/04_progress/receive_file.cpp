// receive_file.cpp: train(name) train(size) train(content)...
#include "receive_file.hpp"

#include <stdexcept>

#include "plumbing/progress.hpp"
#include "plumbing/target_file.hpp"
#include "train.hpp"

Received receive_file(int connection, const ClientOptions& options) {
  Body storage{};
  const auto next_train = [&] { return receive_train(connection, storage); };
  TargetFile target{options.directory, text_of(next_train())};
  const std::uint64_t size = receive_number(connection);
  Progress progress{size};
  while (target.size() < size) {
    const auto body = next_train();
    if (body.empty() || body.size() > size - target.size())
      throw std::runtime_error("the trains do not add up to the announced " + std::to_string(size) +
                               " bytes");
    target.write(body);
    progress.update(target.size());
  }
  target.commit();
  return {target.name(), target.size()};
}
