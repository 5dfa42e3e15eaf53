// support.hpp: what the unit tests share. Nothing here sleeps for a while and hopes: it waits for a state, such
// as "this thread is asleep in its system call" or "this queue is empty".
#pragma once

#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <initializer_list>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "plumbing/network.hpp"
#include "plumbing/system.hpp"

/// Returns once `holds()` is true. The limit is there to end a broken test, and says what never came.
template <typename Predicate>
void wait_until(const std::string& state, Predicate holds) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  for (int tries = 0; !holds(); ++tries) {
    if (std::chrono::steady_clock::now() > limit) throw std::runtime_error("60 s have not brought: " + state);
    if (tries < 100)
      ::sched_yield();  // most states are an instant away
    else
      ::poll(nullptr, 0, 1);
  }
}

/// What the exception says that `action` throws; empty if it throws none.
template <typename Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

/// What a loop goes through: for (const std::size_t size : Sizes{0, 1, 1000}).
using Sizes = std::initializer_list<std::size_t>;

/// Bytes that depend on their position, so that a piece that is lost, doubled or moved shows.
inline std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t position = 0;
  for (char& byte : bytes) byte = static_cast<char>(position++ * 2654435761U >> 13);
  return bytes;
}

// --- files

/// A new directory, gone with all that is in it at the end of the scope.
class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_((std::filesystem::temp_directory_path() / "bytetrain-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) check("mkdtemp " + path_, -1);
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] std::filesystem::path path() const { return path_; }
  [[nodiscard]] bool is_empty() const { return entries() == 0; }
  [[nodiscard]] std::ptrdiff_t entries() const {
    return std::distance(std::filesystem::directory_iterator{path_}, std::filesystem::directory_iterator{});
  }

 private:
  std::string path_;
};

inline void write_file(const std::filesystem::path& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

inline std::string read_file(const std::filesystem::path& path) {
  std::string content(std::filesystem::file_size(path), '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file.read(content.data(), static_cast<std::streamsize>(content.size())))
    throw std::runtime_error("cannot read " + path.string());
  return content;
}

/// A lower soft limit of this process, such as RLIMIT_FSIZE, until the end of the scope.
class Limit {
 public:
  Limit(__rlimit_resource resource, rlim_t most) : resource_(resource) {
    check("getrlimit", ::getrlimit(resource_, &before_));
    const rlimit lower{most, before_.rlim_max};
    check("setrlimit", ::setrlimit(resource_, &lower));
  }
  ~Limit() { ::setrlimit(resource_, &before_); }
  Limit(const Limit&) = delete;
  Limit& operator=(const Limit&) = delete;

 private:
  __rlimit_resource resource_;
  rlimit before_{};
};

// --- sockets

struct SocketPair {
  Descriptor left;
  Descriptor right;
};

inline SocketPair unix_pair() {
  int ends[2];
  check("socketpair", ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
  return {Descriptor{ends[0]}, Descriptor{ends[1]}};
}

/// The port that `socket` is bound to.
inline std::string port_of(int socket) {
  const std::string address = local_address(socket);
  return address.substr(address.rfind(':') + 1);
}

/// The next client of `listener`, which does not block by itself.
inline Descriptor accept_from(const Descriptor& listener) {
  pollfd ready{listener.get(), POLLIN, 0};
  check("poll", ::poll(&ready, 1, -1));
  return Descriptor{check("accept", ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC))};
}

inline SocketPair tcp_pair() {
  const Descriptor listener = listen_on("127.0.0.1", "0");
  Descriptor left = connect_to("127.0.0.1", port_of(listener.get()));
  return {std::move(left), accept_from(listener)};
}

/// Small buffers on the way from `left` to `right`, so that the sender is soon blocked.
inline void make_narrow(const SocketPair& pair) {
  const int least = 1;  // the kernel rounds it up to what it needs
  const int little = 64 * 1024;  // with less, TCP waits for its timers
  check("SO_SNDBUF", ::setsockopt(pair.left.get(), SOL_SOCKET, SO_SNDBUF, &least, sizeof least));
  check("SO_RCVBUF", ::setsockopt(pair.right.get(), SOL_SOCKET, SO_RCVBUF, &little, sizeof little));
}

/// Bytes that have arrived at `socket` and were not yet received.
inline int unread(int socket) {
  int count = 0;
  check("ioctl SIOCINQ", ::ioctl(socket, SIOCINQ, &count));
  return count;
}

inline void end_stream(int socket) { check("shutdown", ::shutdown(socket, SHUT_WR)); }

/// Closes with a reset instead of an end of the stream: unsent data is thrown away.
inline void reset(Descriptor& connection) {
  const linger at_once{1, 0};
  check("SO_LINGER", ::setsockopt(connection.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
  connection.close();
}

/// Puts `bytes` on the wire as they are.
inline void put(int socket, std::string_view bytes) {
  while (!bytes.empty())
    bytes.remove_prefix(
        static_cast<std::size_t>(check("send", ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL))));
}

/// Takes up to `size` bytes from the wire; fewer only at the end of the stream.
inline std::string take(int socket, std::size_t size = SIZE_MAX) {
  std::string all;
  char buffer[4096];
  while (all.size() < size) {
    const std::size_t wanted = std::min(sizeof buffer, size - all.size());
    const ssize_t got = check("recv", ::recv(socket, buffer, wanted, 0));
    if (got == 0) break;
    all.append(buffer, static_cast<std::size_t>(got));
  }
  return all;
}

/// Puts `bytes` on the wire at `left` when all that came before has been taken at `right`.
inline void put_when_taken(const SocketPair& pair, std::string_view bytes) {
  wait_until("what was sent before is received", [&] { return unread(pair.right.get()) == 0; });
  put(pair.left.get(), bytes);
}

/// Puts `bytes` on the wire in pieces of `size`, each only when the one before has been taken.
inline void dribble(const SocketPair& pair, std::string_view bytes, std::size_t size) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(size, bytes.size())))
    put_when_taken(pair, bytes.substr(0, size));
}

// --- threads and signals

/// Counts SIGUSR1 until the end of the scope. Without SA_RESTART the call that it interrupts is not restarted.
class Interruptions {
 public:
  explicit Interruptions(int flags = 0) {
    count_ = 0;
    struct sigaction action {};
    action.sa_handler = [](int) { ++count_; };
    action.sa_flags = flags;
    check("sigaction", ::sigaction(SIGUSR1, &action, &before_));
  }
  ~Interruptions() { ::sigaction(SIGUSR1, &before_, nullptr); }
  Interruptions(const Interruptions&) = delete;
  Interruptions& operator=(const Interruptions&) = delete;

  static int count() { return count_; }

 private:
  inline static std::atomic<int> count_{0};
  struct sigaction before_ {};
};

/// A signal that is ignored until the end of the scope.
class Ignored {
 public:
  explicit Ignored(int signal) : signal_(signal), before_(::signal(signal, SIG_IGN)) {}
  ~Ignored() { ::signal(signal_, before_); }
  Ignored(const Ignored&) = delete;
  Ignored& operator=(const Ignored&) = delete;

 private:
  int signal_;
  void (*before_)(int);
};

/// The other side of a test, in a thread. If the test gives up, the thread's `socket` is shut down under it.
class Background {
 public:
  template <typename Work>
  Background(int socket, Work work) : socket_(socket) {
    std::packaged_task<void()> task([this, work] {
      sigset_t broken_pipe;  // must not end the tests: send reports it as EPIPE all the same
      ::sigemptyset(&broken_pipe);
      ::sigaddset(&broken_pipe, SIGPIPE);
      ::pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
      id_ = ::gettid();
      work();
    });
    result_ = task.get_future();
    thread_ = std::thread(std::move(task));
  }
  ~Background() {
    if (!thread_.joinable()) return;
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
  }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  /// Waits for the end of the work, and throws what it threw.
  void finish() {
    thread_.join();
    result_.get();
  }

  /// Waits until the thread sleeps in a system call: see proc(5) on the state in stat.
  void wait_until_blocked() const {
    wait_until("the thread is asleep", [this] {
      std::ifstream stat("/proc/self/task/" + std::to_string(id_) + "/stat");
      std::string line;
      std::getline(stat, line);
      const std::size_t name_end = line.rfind(") ");
      return id_ != 0 && name_end != std::string::npos && line.substr(name_end + 2, 1) == "S";
    });
  }

  /// Interrupts the call that the thread sleeps in, and waits until the handler has run.
  void interrupt() {
    const int before = Interruptions::count();
    ::pthread_kill(thread_.native_handle(), SIGUSR1);
    wait_until("the handler has run", [&] { return Interruptions::count() > before; });
  }

 private:
  int socket_;
  std::atomic<pid_t> id_{0};
  std::future<void> result_;
  std::thread thread_;
};

// --- command lines

/// argc and argv, as main gets them.
class Arguments {
 public:
  Arguments(std::initializer_list<std::string> words) : words_(words) {
    for (std::string& word : words_) pointers_.push_back(word.data());
    pointers_.push_back(nullptr);
  }
  [[nodiscard]] int count() const { return static_cast<int>(words_.size()); }
  char** values() { return pointers_.data(); }

 private:
  std::vector<std::string> words_;
  std::vector<char*> pointers_;
};
