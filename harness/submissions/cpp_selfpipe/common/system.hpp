// system.hpp: descriptors, and the errors of system calls.
#pragma once

#include <cerrno>
#include <concepts>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

// What went wrong, in words for a person. A system call's error is a std::system_error instead.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A file descriptor with one owner, who closes it.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int number) : number_{number} {}
  Fd(Fd&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  Fd(const Fd&) = delete;
  Fd& operator=(Fd other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Fd();

  int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }

 private:
  int number_ = -1;
};

struct Pipe {
  Fd read_end, write_end;
};

Pipe make_pipe(int flags);

[[noreturn]] inline void fail(std::string_view thing, int error) {
  throw std::system_error{error, std::generic_category(), std::string{thing}};
}

// The result of a call that may not fail: "thing: cause" becomes the message.
template <std::signed_integral Result>
Result must(std::string_view thing, Result result) {
  if (result == -1) fail(thing, errno);
  return result;
}

// A call that a signal has interrupted before it did anything is made again.
template <std::invocable Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

// A name for a message: what came from the wire must not drive a terminal or begin a new line.
std::string shown(std::string_view name);

// One line on standard error, in one write(2), so that the lines of several processes don't mix.
void log_line(std::string_view who, std::string_view what);
