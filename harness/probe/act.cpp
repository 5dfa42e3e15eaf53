#include "act.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <algorithm>
#include <csignal>
#include <cstring>
#include <ctime>

#include "next.hpp"

namespace probe {

namespace {

constexpr std::int64_t kMillisecond = 1'000'000;

long system_call(long number, long a = 0, long b = 0, long c = 0, long d = 0) {
  static const auto real = next<long(long, ...)>("syscall");
  return real(number, a, b, c, d);
}

void nap(std::int64_t nanoseconds) {
  timespec left{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
  static const auto real = next<decltype(::nanosleep)>("nanosleep");
  while (real(&left, &left) != 0 && errno == EINTR) {  // what a signal has interrupted goes on
  }
}

[[noreturn]] void die() {
  for (;;) system_call(SYS_kill, getpid(), SIGKILL);
}

}  // namespace

void Act::open(std::initializer_list<std::int64_t> arguments) {
  const int before = errno;
  std::uint32_t nth = 0;
  std::int32_t index = 0;
  record_ = Book::here().begin(call_, nth);
  if (nth != 0) rule_ = Book::here().rule_for(call_, nth, index);
  if (record_ != nullptr) {
    record_->thread = static_cast<std::int32_t>(system_call(SYS_gettid));
    record_->rule = index;
    std::copy(arguments.begin(), arguments.end(), record_->arguments);
    record_->state.store(kBegun, std::memory_order_release);
  }
  if (rule_ != nullptr) obey_before(*rule_);
  errno = before;
}

void Act::obey_before(const Rule& rule) {
  switch (rule.action) {
    case Action::delay:
      return nap(rule.value * kMillisecond);
    case Action::raise:
      system_call(SYS_tgkill, getpid(), system_call(SYS_gettid), rule.value);
      return;
    case Action::kill_before:
      die();
    case Action::await:
      while (system_call(SYS_faccessat, AT_FDCWD, reinterpret_cast<long>(rule.path), F_OK) != 0)
        nap(kMillisecond);
      return;
    default:
      return;
  }
}

bool Act::fails() {
  if (rule_ == nullptr || rule_->action != Action::fail) return false;
  const auto error = static_cast<int>(rule_->value);
  close(-1, error);
  errno = error;
  return true;
}

bool Act::fails_to_send(int flags) {
  if (!fails()) return false;
  if (errno == EPIPE && (flags & MSG_NOSIGNAL) == 0) {
    system_call(SYS_tgkill, getpid(), system_call(SYS_gettid), SIGPIPE);
    errno = EPIPE;
  }
  return true;
}

std::size_t Act::at_most(std::size_t bytes) {
  if (rule_ == nullptr) return bytes;
  if (rule_->action == Action::shorten) return std::min(bytes, static_cast<std::size_t>(rule_->value));
  return rule_->action == Action::kill_within ? bytes / 2 : bytes;
}

iovec* Act::at_most(const iovec* parts, std::size_t& count) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < count; ++i) bytes += parts[i].iov_len;
  const std::size_t wanted = at_most(bytes);
  if (wanted == bytes || count > parts_.size()) return const_cast<iovec*>(parts);
  std::size_t used = 0;
  for (std::size_t left = wanted; used < count && left > 0; ++used) {
    parts_[used] = parts[used];
    parts_[used].iov_len = std::min(left, parts[used].iov_len);
    left -= parts_[used].iov_len;
  }
  count = used;
  return parts_.data();
}

void Act::close(std::int64_t result, int error) {
  if (rule_ != nullptr && (rule_->action == Action::kill_within || rule_->action == Action::kill_after))
    die();
  if (record_ == nullptr) return;
  record_->result = result;
  record_->error = error;
  record_->ended = now();
  record_->state.store(kEnded, std::memory_order_release);
}

ssize_t Act::moved(ssize_t result, const void* bytes) {
  const int error = errno;
  if (result > 0) data(bytes, static_cast<std::size_t>(result));
  errno = error;
  return done(result);
}

int Act::made(int descriptor) {
  if (descriptor >= 0) inode_of(descriptor);
  return done(descriptor);
}

int Act::said(int error) {
  close(error == 0 ? 0 : -1, error);
  return error;
}

void Act::data(const void* bytes, std::size_t size) {
  if (record_ == nullptr || bytes == nullptr) return;
  record_->data_length = static_cast<std::uint16_t>(std::min(size, sizeof record_->data));
  std::memcpy(record_->data, bytes, record_->data_length);
}

void Act::path(const char* path) {
  if (path != nullptr) data(path, strnlen(path, sizeof record_->data));
}

void Act::passed(const msghdr& message) {
  if (record_ == nullptr || message.msg_control == nullptr || message.msg_controllen < sizeof(cmsghdr))
    return;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return;
  if (header->cmsg_len < CMSG_LEN(sizeof(int))) return;
  std::memcpy(&record_->passed, CMSG_DATA(header), sizeof(int));
  inode_of(record_->passed);
}

void Act::peer(int fd) {
  if (record_ == nullptr) return;
  const int before = errno;
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  static const auto real = next<decltype(::getpeername)>("getpeername");
  if (real(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0) data(&address, size);
  errno = before;
}

void Act::inode_of(int fd) {
  if (record_ == nullptr) return;
  const int before = errno;
  struct stat file {};
  static const auto real = next<decltype(::fstat)>("fstat");
  if (real != nullptr && real(fd, &file) == 0) record_->inode = file.st_ino;
  errno = before;
}

}  // namespace probe
