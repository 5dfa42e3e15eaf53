// receive_file.cpp: train(name) train(content)... train(empty).
#include "receive_file.hpp"

#include "plumbing/target_file.hpp"
#include "train.hpp"

Received receive_file(int connection, const ClientOptions& options) {
  Body storage{};
  const auto next_train = [&] { return receive_train(connection, storage); };
  TargetFile target{options.directory, text_of(next_train())};
  for (auto body = next_train(); !body.empty(); body = next_train()) target.write(body);
  target.commit();
  return {target.name(), target.size()};
}
