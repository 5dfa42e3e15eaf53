// signal_pipe.hpp: signals become bytes in a pipe, which poll(2) can wait for beside everything else. See pipe(7).
#pragma once

#include <sys/types.h>

#include <optional>
#include <vector>

#include "system.hpp"

// There can be one in a process: a handler knows only what is global.
class SignalPipe {
 public:
  explicit SignalPipe(std::vector<int> signals);
  SignalPipe(const SignalPipe&) = delete;
  SignalPipe& operator=(const SignalPipe&) = delete;
  ~SignalPipe() = default;

  // Readable when a signal has come.
  int fd() const { return pipe_.read_end.get(); }

  // The number of a signal that has come, in their order.
  std::optional<int> next();

  // As fork(2). The child doesn't share the pipe: it ignores what would end the parent.
  pid_t fork();

 private:
  void disarm();

  std::vector<int> signals_;
  Pipe pipe_;
};

// Waits for events of a descriptor. A signal that comes first is a Failure.
void wait_for(int fd, short events, SignalPipe& signals);
