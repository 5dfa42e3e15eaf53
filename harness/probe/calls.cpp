// The calls that the probe stands in front of. Each asks the function of the C library behind it: what that does, a
// restart or a cancellation point, stays. Under the names that headers choose for large files (open64) and for buffers
// whose size the compiler knows (__recv_chk) they stand once more.
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "act.hpp"
#include "next.hpp"

using probe::Act;
using probe::Call;

// What the program asked for without us, in a variable of that call.
#define REAL(name) static auto* const real = probe::next<decltype(::name)>(#name)

// A call of which only numbers are told: PLAIN(int, listen, (int fd, int backlog), fd, backlog)
#define PLAIN_AS(symbol, call, result, parameters, ...)                \
  EXPORT result symbol parameters {                                    \
    static auto* const real = probe::next<result parameters>(#symbol); \
    Act act(Call::call, __VA_ARGS__);                                  \
    if (act.fails()) return static_cast<result>(-1);                   \
    return act.done(real(__VA_ARGS__));                                \
  }
#define PLAIN(result, name, parameters, ...) PLAIN_AS(name, name, result, parameters, __VA_ARGS__)
// One that makes a descriptor.
#define MAKES_AS(symbol, call, parameters, ...)                     \
  EXPORT int symbol parameters {                                    \
    static auto* const real = probe::next<int parameters>(#symbol); \
    Act act(Call::call, __VA_ARGS__);                               \
    if (act.fails()) return -1;                                     \
    return act.made(real(__VA_ARGS__));                             \
  }
#define MAKES(name, parameters, ...) MAKES_AS(name, name, parameters, __VA_ARGS__)
// One that makes two, and tells them in `ends`.
#define MAKES_TWO(symbol, parameters, ...)             \
  EXPORT int symbol parameters {                       \
    REAL(symbol);                                      \
    Act act(Call::symbol, __VA_ARGS__);                \
    if (act.fails()) return -1;                        \
    const int result = real(__VA_ARGS__);              \
    if (result == 0) act.data(ends, 2 * sizeof *ends); \
    return act.done(result);                           \
  }
// One that makes a descriptor of a connection.
#define ACCEPTS(symbol, parameters, ...)  \
  EXPORT int symbol parameters {          \
    REAL(symbol);                         \
    Act act(Call::symbol, __VA_ARGS__);   \
    if (act.fails()) return -1;           \
    const int result = real(__VA_ARGS__); \
    if (result >= 0) act.peer(result);    \
    return act.made(result);              \
  }
// One that is about a path.
#define NAMES_AS(symbol, call, told, parameters, ...)               \
  EXPORT int symbol parameters {                                    \
    static auto* const real = probe::next<int parameters>(#symbol); \
    Act act(Call::call, __VA_ARGS__);                               \
    act.path(told);                                                 \
    if (act.fails()) return -1;                                     \
    return act.done(real(__VA_ARGS__));                             \
  }
#define NAMES(name, told, parameters, ...) NAMES_AS(name, name, told, parameters, __VA_ARGS__)
#define EXPORT extern "C" __attribute__((visibility("default")))

// Sockets

MAKES(socket, (int domain, int type, int protocol), domain, type, protocol)
MAKES_TWO(socketpair, (int domain, int type, int protocol, int* ends), domain, type, protocol, ends)
ACCEPTS(accept, (int fd, sockaddr* address, socklen_t* size), fd, address, size)
ACCEPTS(accept4, (int fd, sockaddr* address, socklen_t* size, int flags), fd, address, size, flags)
PLAIN(int, listen, (int fd, int backlog), fd, backlog)
PLAIN(int, shutdown, (int fd, int how), fd, how)
PLAIN(int, getpeername, (int fd, sockaddr* address, socklen_t* size), fd, address, size)
PLAIN(int, getsockopt, (int fd, int level, int name, void* value, socklen_t* size), fd, level, name, value,
      size)
PLAIN(int, setsockopt, (int fd, int level, int name, const void* value, socklen_t size), fd, level, name,
      value, size)

EXPORT int bind(int fd, const sockaddr* address, socklen_t size) {
  REAL(bind);
  Act act(Call::bind, fd, address, size);
  act.data(address, size);
  if (act.fails()) return -1;
  return act.done(real(fd, address, size));
}

EXPORT int connect(int fd, const sockaddr* address, socklen_t size) {
  REAL(connect);
  Act act(Call::connect, fd, address, size);
  act.data(address, size);
  if (act.fails()) return -1;
  return act.done(real(fd, address, size));
}

EXPORT int getsockname(int fd, sockaddr* address, socklen_t* size) {
  REAL(getsockname);
  Act act(Call::getsockname, fd, address, size);
  if (act.fails()) return -1;
  const int result = real(fd, address, size);
  if (result == 0) act.data(address, *size);
  return act.done(result);
}

// Bytes

EXPORT ssize_t recv(int fd, void* to, size_t n, int flags) {
  REAL(recv);
  Act act(Call::recv, fd, to, n, flags);
  if (act.fails()) return -1;
  return act.moved(real(fd, to, act.at_most(n), flags), to);
}

EXPORT ssize_t __recv_chk(int fd, void* to, size_t n, size_t, int flags) { return recv(fd, to, n, flags); }

EXPORT ssize_t recvfrom(int fd, void* to, size_t n, int flags, sockaddr* address, socklen_t* size) {
  REAL(recvfrom);
  Act act(Call::recvfrom, fd, to, n, flags, address, size);
  if (act.fails()) return -1;
  return act.moved(real(fd, to, act.at_most(n), flags, address, size), to);
}

EXPORT ssize_t __recvfrom_chk(int fd, void* to, size_t n, size_t, int flags, sockaddr* address,
                              socklen_t* size) {
  return recvfrom(fd, to, n, flags, address, size);
}

EXPORT ssize_t recvmsg(int fd, msghdr* message, int flags) {
  REAL(recvmsg);
  Act act(Call::recvmsg, fd, message, flags);
  if (act.fails()) return -1;
  iovec* const parts = message->msg_iov;
  const size_t count = message->msg_iovlen;
  message->msg_iov = act.at_most(parts, message->msg_iovlen);
  const ssize_t result = real(fd, message, flags);
  message->msg_iov = parts;
  message->msg_iovlen = count;
  if (result >= 0) act.passed(*message);
  return act.moved(result, count > 0 ? parts->iov_base : nullptr);
}

EXPORT ssize_t send(int fd, const void* from, size_t n, int flags) {
  REAL(send);
  Act act(Call::send, fd, from, n, flags);
  if (act.fails_to_send(flags)) return -1;
  return act.moved(real(fd, from, act.at_most(n), flags), from);
}

EXPORT ssize_t sendto(int fd, const void* from, size_t n, int flags, const sockaddr* address,
                      socklen_t size) {
  REAL(sendto);
  Act act(Call::sendto, fd, from, n, flags, address, size);
  if (act.fails_to_send(flags)) return -1;
  return act.moved(real(fd, from, act.at_most(n), flags, address, size), from);
}

EXPORT ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  REAL(sendmsg);
  Act act(Call::sendmsg, fd, message, flags);
  act.passed(*message);
  if (act.fails_to_send(flags)) return -1;
  msghdr limited = *message;
  limited.msg_iov = act.at_most(message->msg_iov, limited.msg_iovlen);
  const void* first = message->msg_iovlen > 0 ? message->msg_iov->iov_base : nullptr;
  return act.moved(real(fd, &limited, flags), first);
}

EXPORT ssize_t read(int fd, void* to, size_t n) {
  REAL(read);
  Act act(Call::read, fd, to, n);
  if (act.fails()) return -1;
  return act.moved(real(fd, to, act.at_most(n)), to);
}

EXPORT ssize_t __read_chk(int fd, void* to, size_t n, size_t) { return read(fd, to, n); }

EXPORT ssize_t write(int fd, const void* from, size_t n) {
  REAL(write);
  Act act(Call::write, fd, from, n);
  if (act.fails_to_send()) return -1;
  return act.moved(real(fd, from, act.at_most(n)), from);
}

EXPORT ssize_t readv(int fd, const iovec* parts, int count) {
  REAL(readv);
  Act act(Call::readv, fd, parts, count);
  if (act.fails()) return -1;
  size_t many = count < 0 ? 0 : static_cast<size_t>(count);
  const iovec* limited = act.at_most(parts, many);
  return act.moved(real(fd, limited, count < 0 ? count : static_cast<int>(many)),
                   many > 0 ? parts->iov_base : nullptr);
}

EXPORT ssize_t writev(int fd, const iovec* parts, int count) {
  REAL(writev);
  Act act(Call::writev, fd, parts, count);
  if (act.fails_to_send()) return -1;
  size_t many = count < 0 ? 0 : static_cast<size_t>(count);
  const iovec* limited = act.at_most(parts, many);
  return act.moved(real(fd, limited, count < 0 ? count : static_cast<int>(many)),
                   many > 0 ? parts->iov_base : nullptr);
}

#define AT_OFFSET(symbol, offset_type)                                    \
  EXPORT ssize_t symbol(int fd, void* to, size_t n, offset_type offset) { \
    REAL(symbol);                                                         \
    Act act(Call::pread, fd, to, n, offset);                              \
    if (act.fails()) return -1;                                           \
    return act.moved(real(fd, to, act.at_most(n), offset), to);           \
  }
AT_OFFSET(pread, off_t)
AT_OFFSET(pread64, off64_t)
#define TO_OFFSET(symbol, offset_type)                                            \
  EXPORT ssize_t symbol(int fd, const void* from, size_t n, offset_type offset) { \
    REAL(symbol);                                                                 \
    Act act(Call::pwrite, fd, from, n, offset);                                   \
    if (act.fails_to_send()) return -1;                                           \
    return act.moved(real(fd, from, act.at_most(n), offset), from);               \
  }
TO_OFFSET(pwrite, off_t)
TO_OFFSET(pwrite64, off64_t)
EXPORT ssize_t __pread_chk(int fd, void* to, size_t n, off_t offset, size_t) {
  return pread(fd, to, n, offset);
}
EXPORT ssize_t __pread64_chk(int fd, void* to, size_t n, off64_t offset, size_t) {
  return pread64(fd, to, n, offset);
}

#define SENDS_FILE(symbol, offset_type)                                   \
  EXPORT ssize_t symbol(int out, int in, offset_type* offset, size_t n) { \
    REAL(symbol);                                                         \
    Act act(Call::sendfile, out, in, offset, n);                          \
    if (act.fails_to_send()) return -1;                                   \
    return act.done(real(out, in, offset, act.at_most(n)));               \
  }
SENDS_FILE(sendfile, off_t)
SENDS_FILE(sendfile64, off64_t)

EXPORT ssize_t splice(int in, off64_t* in_offset, int out, off64_t* out_offset, size_t n, unsigned flags) {
  REAL(splice);
  Act act(Call::splice, in, in_offset, out, out_offset, n, flags);
  if (act.fails_to_send()) return -1;
  return act.done(real(in, in_offset, out, out_offset, act.at_most(n), flags));
}

// Files and descriptors

// The mode is there only with O_CREAT and O_TMPFILE: open(2).
#define MODE_OF(flags)                            \
  mode_t mode = 0;                                \
  if (((flags) & (O_CREAT | __O_TMPFILE)) != 0) { \
    va_list more;                                 \
    va_start(more, flags);                        \
    mode = va_arg(more, mode_t);                  \
    va_end(more);                                 \
  }
#define OPENS(symbol)                                   \
  EXPORT int symbol(const char* path, int flags, ...) { \
    REAL(symbol);                                       \
    MODE_OF(flags)                                      \
    Act act(Call::open, path, flags, mode);             \
    act.path(path);                                     \
    if (act.fails()) return -1;                         \
    return act.made(real(path, flags, mode));           \
  }
OPENS(open)
OPENS(open64)
#define OPENS_AT(symbol)                                            \
  EXPORT int symbol(int folder, const char* path, int flags, ...) { \
    REAL(symbol);                                                   \
    MODE_OF(flags)                                                  \
    Act act(Call::openat, folder, path, flags, mode);               \
    act.path(path);                                                 \
    if (act.fails()) return -1;                                     \
    return act.made(real(folder, path, flags, mode));               \
  }
OPENS_AT(openat)
OPENS_AT(openat64)
EXPORT int __open_2(const char* path, int flags) { return open(path, flags); }
EXPORT int __open64_2(const char* path, int flags) { return open64(path, flags); }
EXPORT int __openat_2(int folder, const char* path, int flags) { return openat(folder, path, flags); }
EXPORT int __openat64_2(int folder, const char* path, int flags) { return openat64(folder, path, flags); }
#define CREATES(symbol)                              \
  EXPORT int symbol(const char* path, mode_t mode) { \
    REAL(symbol);                                    \
    Act act(Call::creat, path, mode);                \
    act.path(path);                                  \
    if (act.fails()) return -1;                      \
    return act.made(real(path, mode));               \
  }
CREATES(creat)
CREATES(creat64)

// It closes even where it fails (close(2), "dealing with error returns"), so it does here, if the plan wants an error.
EXPORT int close(int fd) {
  REAL(close);
  Act act(Call::close, fd);
  if (act.fails()) {
    const int error = errno;
    real(fd);
    errno = error;
    return -1;
  }
  return act.done(real(fd));
}

MAKES_TWO(pipe, (int* ends), ends)
MAKES_TWO(pipe2, (int* ends, int flags), ends, flags)
MAKES(dup, (int fd), fd)
MAKES(dup2, (int fd, int wanted), fd, wanted)
MAKES(dup3, (int fd, int wanted, int flags), fd, wanted, flags)

#define CONTROLS(symbol, call, request_type)             \
  EXPORT int symbol(int fd, request_type request, ...) { \
    REAL(symbol);                                        \
    va_list more;                                        \
    va_start(more, request);                             \
    void* argument = va_arg(more, void*);                \
    va_end(more);                                        \
    Act act(Call::call, fd, request, argument);          \
    if (act.fails()) return -1;                          \
    return act.done(real(fd, request, argument));        \
  }
CONTROLS(fcntl, fcntl, int)
CONTROLS(fcntl64, fcntl, int)
CONTROLS(ioctl, ioctl, unsigned long)

PLAIN(off_t, lseek, (int fd, off_t offset, int whence), fd, offset, whence)
PLAIN_AS(lseek64, lseek, off64_t, (int fd, off64_t offset, int whence), fd, offset, whence)
PLAIN_AS(fstat, fstat, int, (int fd, struct stat* to), fd, to)
PLAIN_AS(fstat64, fstat, int, (int fd, struct stat64* to), fd, to)
NAMES_AS(stat, stat, path, (const char* path, struct stat* to), path, to)
NAMES_AS(stat64, stat, path, (const char* path, struct stat64* to), path, to)
NAMES_AS(fstatat, fstatat, path, (int folder, const char* path, struct stat* to, int flags), folder, path, to,
         flags)
NAMES_AS(fstatat64, fstatat, path, (int folder, const char* path, struct stat64* to, int flags), folder, path,
         to, flags)
PLAIN(int, ftruncate, (int fd, off_t size), fd, size)
PLAIN_AS(ftruncate64, ftruncate, int, (int fd, off64_t size), fd, size)
PLAIN(int, fallocate, (int fd, int mode, off_t from, off_t size), fd, mode, from, size)
PLAIN_AS(fallocate64, fallocate, int, (int fd, int mode, off64_t from, off64_t size), fd, mode, from, size)
PLAIN(int, fsync, (int fd), fd)
PLAIN(int, fdatasync, (int fd), fd)
PLAIN(int, fchmod, (int fd, mode_t mode), fd, mode)

// It returns the error, and leaves errno alone: posix_fallocate(3).
#define ALLOCATES(symbol, offset_type)                            \
  EXPORT int symbol(int fd, offset_type from, offset_type size) { \
    REAL(symbol);                                                 \
    const int before = errno;                                     \
    Act act(Call::posix_fallocate, fd, from, size);               \
    if (!act.fails()) return act.said(real(fd, from, size));      \
    const int error = errno;                                      \
    errno = before;                                               \
    return error;                                                 \
  }
ALLOCATES(posix_fallocate, off_t)
ALLOCATES(posix_fallocate64, off64_t)

NAMES(rename, to, (const char* from, const char* to), from, to)
NAMES(renameat, to, (int folder, const char* from, int other, const char* to), folder, from, other, to)
NAMES(renameat2, to, (int folder, const char* from, int other, const char* to, unsigned flags), folder, from,
      other, to, flags)
NAMES(link, to, (const char* from, const char* to), from, to)
NAMES(linkat, to, (int folder, const char* from, int other, const char* to, int flags), folder, from, other,
      to, flags)
NAMES(unlink, path, (const char* path), path)
NAMES(unlinkat, path, (int folder, const char* path, int flags), folder, path, flags)

#define MAPS(symbol, offset_type)                                                                     \
  EXPORT void* symbol(void* at, size_t size, int protection, int flags, int fd, offset_type offset) { \
    REAL(symbol);                                                                                     \
    Act act(Call::mmap, at, size, protection, flags, fd, offset);                                     \
    if (act.fails()) return MAP_FAILED;                                                               \
    void* const result = real(at, size, protection, flags, fd, offset);                               \
    act.done(reinterpret_cast<std::intptr_t>(result));                                                \
    return result;                                                                                    \
  }
MAPS(mmap, off_t)
MAPS(mmap64, off64_t)
PLAIN(int, munmap, (void* at, size_t size), at, size)

EXPORT int memfd_create(const char* name, unsigned flags) {
  REAL(memfd_create);
  Act act(Call::memfd_create, name, flags);
  act.path(name);
  if (act.fails()) return -1;
  return act.made(real(name, flags));
}

// Waiting

MAKES(epoll_create, (int size), size)
MAKES(epoll_create1, (int flags), flags)

EXPORT int epoll_ctl(int fd, int operation, int about, epoll_event* event) {
  REAL(epoll_ctl);
  Act act(Call::epoll_ctl, fd, operation, about, event, event != nullptr ? event->events : 0);
  if (act.fails()) return -1;
  return act.done(real(fd, operation, about, event));
}

EXPORT int epoll_wait(int fd, epoll_event* events, int count, int timeout) {
  REAL(epoll_wait);
  Act act(Call::epoll_wait, fd, events, count, timeout);
  if (act.fails()) return -1;
  return act.done(real(fd, events, count, timeout));
}

EXPORT int epoll_pwait(int fd, epoll_event* events, int count, int timeout, const sigset_t* mask) {
  REAL(epoll_pwait);
  Act act(Call::epoll_pwait, fd, events, count, timeout, mask);
  if (act.fails()) return -1;
  return act.done(real(fd, events, count, timeout, mask));
}

PLAIN(int, poll, (pollfd * fds, nfds_t count, int timeout), fds, count, timeout)
PLAIN(int, ppoll, (pollfd * fds, nfds_t count, const timespec* limit, const sigset_t* mask), fds, count,
      limit, mask)
EXPORT int __poll_chk(pollfd* fds, nfds_t count, int timeout, size_t) { return poll(fds, count, timeout); }
EXPORT int __ppoll_chk(pollfd* fds, nfds_t count, const timespec* limit, const sigset_t* mask, size_t) {
  return ppoll(fds, count, limit, mask);
}
PLAIN(int, select, (int most, fd_set* in, fd_set* out, fd_set* other, timeval* limit), most, in, out, other,
      limit)
PLAIN(int, pselect,
      (int most, fd_set* in, fd_set* out, fd_set* other, const timespec* limit, const sigset_t* mask), most,
      in, out, other, limit, mask)

// Processes

EXPORT pid_t fork() {
  REAL(fork);
  Act act(Call::fork);
  if (act.fails()) return -1;
  const std::uint16_t number = probe::Book::here().next_child();
  const pid_t result = real();
  if (result != 0) return act.done(result);
  probe::Book::here().be_child(number);
  return 0;
}

EXPORT int execve(const char* path, char* const words[], char* const variables[]) {
  REAL(execve);
  Act act(Call::execve, path, words, variables);
  act.path(path);
  if (act.fails()) return -1;
  return act.done(real(path, words, variables));
}

EXPORT void _exit(int status) {
  static auto* const real = probe::next<void(int)>("_exit");
  { Act act(Call::_exit, status); }
  real(status);
  __builtin_unreachable();
}

EXPORT void _Exit(int status) { _exit(status); }

PLAIN(pid_t, wait, (int* status), status)
PLAIN(pid_t, waitpid, (pid_t pid, int* status, int options), pid, status, options)
PLAIN(pid_t, wait4, (pid_t pid, int* status, int options, rusage* usage), pid, status, options, usage)
PLAIN(int, waitid, (idtype_t type, id_t id, siginfo_t* info, int options), type, id, info, options)
MAKES(pidfd_open, (pid_t pid, unsigned flags), pid, flags)

EXPORT int prctl(int option, ...) {
  REAL(prctl);
  va_list more;
  va_start(more, option);
  unsigned long values[4];
  for (unsigned long& each : values) each = va_arg(more, unsigned long);
  va_end(more);
  Act act(Call::prctl, option, values[0], values[1], values[2], values[3]);
  if (act.fails()) return -1;
  return act.done(real(option, values[0], values[1], values[2], values[3]));
}

// Signals and timers

PLAIN(int, kill, (pid_t pid, int signal), pid, signal)
PLAIN(int, sigaction, (int signal, const struct sigaction* act_new, struct sigaction* act_old), signal,
      act_new, act_old)
PLAIN(int, sigprocmask, (int how, const sigset_t* wanted, sigset_t* old), how, wanted, old)
PLAIN(int, sigsuspend, (const sigset_t* mask), mask)
PLAIN(int, sigwaitinfo, (const sigset_t* set, siginfo_t* info), set, info)
PLAIN(int, sigtimedwait, (const sigset_t* set, siginfo_t* info, const timespec* limit), set, info, limit)
PLAIN(unsigned, alarm, (unsigned seconds), seconds)
PLAIN(int, setitimer, (__itimer_which_t which, const itimerval* wanted, itimerval* old), which, wanted, old)
MAKES(signalfd, (int fd, const sigset_t* set, int flags), fd, set, flags)
MAKES(timerfd_create, (int clock, int flags), clock, flags)
PLAIN(int, timerfd_settime, (int fd, int flags, const itimerspec* wanted, itimerspec* old), fd, flags, wanted,
      old)
MAKES(eventfd, (unsigned value, int flags), value, flags)
PLAIN(int, nanosleep, (const timespec* wanted, timespec* left), wanted, left)
PLAIN(int, usleep, (useconds_t microseconds), microseconds)
PLAIN(unsigned, sleep, (unsigned seconds), seconds)

EXPORT int pause() {
  REAL(pause);
  Act act(Call::pause);
  if (act.fails()) return -1;
  return act.done(real());
}

EXPORT sighandler_t signal(int number, sighandler_t handler) {
  REAL(signal);
  Act act(Call::signal, number, handler);
  if (act.fails()) return SIG_ERR;
  sighandler_t const before = real(number, handler);
  act.done(reinterpret_cast<std::intptr_t>(before));
  return before;
}

EXPORT int sigwait(const sigset_t* set, int* signal) {
  REAL(sigwait);
  Act act(Call::sigwait, set, signal);
  return act.said(real(set, signal));
}

EXPORT int clock_nanosleep(clockid_t clock, int flags, const timespec* wanted, timespec* left) {
  REAL(clock_nanosleep);
  Act act(Call::clock_nanosleep, clock, flags, wanted, left);
  return act.said(real(clock, flags, wanted, left));
}

// Whatever a program asks the kernel by number: told, and made to fail, as the call it is. Bytes are told as numbers.
EXPORT long syscall(long number, ...) {
  REAL(syscall);
  va_list more;
  va_start(more, number);
  long arguments[6];
  for (long& each : arguments) each = va_arg(more, long);
  va_end(more);
  const auto& [a, b, c, d, e, f] = arguments;
  const Call call = probe::call_of(number);
  if (call == Call::syscall) {
    Act act(call, number, a, b, c, d, e);
    if (act.fails()) return -1;
    return act.done(real(number, a, b, c, d, e, f));
  }
  Act act(call, a, b, c, d, e, f);
  if (act.fails()) return -1;
  return act.done(real(number, a, b, c, d, e, f));
}

// The end of a program that returns from main or calls exit(3). The C library's own way from there to the kernel
// passes nobody.
namespace {
void at_exit(int status, void*) { const Act act(Call::exit, status); }
__attribute__((constructor)) void remember_exit() { on_exit(at_exit, nullptr); }
}  // namespace
