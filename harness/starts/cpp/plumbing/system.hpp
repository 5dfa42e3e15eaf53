// system.hpp: what every system call of a stage needs: an error that is never overlooked, and a
// descriptor that closes itself.
// See also: errno(3), close(2).
#pragma once

#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

/// Passes `result` on, or throws std::system_error where it is -1.
/// `what` names the call and the thing: check("open notes.txt", ...) -> "open notes.txt: Permission denied".
template <typename Result>
Result check(const std::string& what, Result result) {
  if (result == -1) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

/// Makes a call once more for as long as a signal interrupts it: no work of the call's is done by then.
/// `call` returns -1 and sets errno. Also for what seldom gives EINTR: a slow disk, a network drive, FUSE. signal(7).
template <typename Call>
auto uninterrupted(const Call& call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

/// Owns one file descriptor: closes it once, can be moved, can't be copied by accident.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);  // what was ours is closed with `other`
    return *this;
  }
  ~Descriptor() { close(); }

  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ != -1; }

  /// Closes now. close(2) is never repeated, not even after EINTR: Linux has let go of the number by then.
  void close() {
    if (fd_ != -1) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};
