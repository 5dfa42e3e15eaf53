// One call of the program: recorded as it begins and ends, and bent in between if the plan has a rule for it.
//
//     ssize_t recv(int fd, void *to, size_t n, int flags) {
//       Act act(Call::recv, fd, to, n, flags);
//       if (act.fails()) return -1;
//       return act.moved(real(fd, to, act.at_most(n), flags), to);
//     }
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "book.hpp"

namespace probe {

template <class Argument>
std::int64_t number_of(Argument argument) {
  if constexpr (std::is_pointer_v<Argument>)
    return reinterpret_cast<std::int64_t>(argument);
  else
    return static_cast<std::int64_t>(argument);
}

class Act {
 public:
  template <class... Arguments>
  explicit Act(Call call, Arguments... arguments) : call_(call) {
    static_assert(sizeof...(arguments) <= 6);
    open({number_of(arguments)...});
  }
  ~Act() = default;
  Act(const Act&) = delete;
  Act& operator=(const Act&) = delete;

  // Whether the plan makes it fail: errno is set, and the kernel must not be asked.
  bool fails();
  // The same of a call that sends: with EPIPE comes SIGPIPE, unless MSG_NOSIGNAL is among its flags.
  bool fails_to_send(int flags = 0);
  // How many bytes are asked of the kernel, of so many that the program asks for.
  std::size_t at_most(std::size_t bytes);
  // A copy of these buffers with as many bytes in them; valid as long as this lives.
  iovec* at_most(const iovec* parts, std::size_t& count);

  // What it has returned, with errno as the kernel left it.
  template <class Result>
  Result done(Result result) {
    close(number_of(result), result == static_cast<Result>(-1) ? errno : 0);
    return result;
  }
  // The same of a call that has moved bytes from or to here; of one that has made a descriptor; of one that returns an
  // error's number instead of setting errno.
  ssize_t moved(ssize_t result, const void* bytes);
  int made(int descriptor);
  int said(int error);

  // What a reader of the record will want to know beside numbers.
  void data(const void* bytes, std::size_t size);
  void path(const char* path);
  void passed(const msghdr& message);
  void peer(int fd);

 private:
  void open(std::initializer_list<std::int64_t> arguments);
  void close(std::int64_t result, int error);
  void obey_before(const Rule& rule);
  void inode_of(int fd);

  Call call_;
  Record* record_ = nullptr;
  const Rule* rule_ = nullptr;
  std::array<iovec, 64> parts_;
};

}  // namespace probe
