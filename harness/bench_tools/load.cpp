// load.cpp: a load generator. It keeps so many connections open at once, reads each to its end, and throws all away.
//
//   load [--http=PATH] HOST PORT AT_ONCE TOTAL
//
// One process, one epoll (epoll(7)), non-blocking sockets, recv into 256 KiB. With --http it sends a request first,
// as nginx wants one; our servers speak first. A connection's time runs from connect(2) to the end of its stream.
// The result is one line of JSON: times in seconds, sizes in bytes.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Connection {
  int socket = -1;
  Clock::time_point begin;
  bool asked = false;  // the request has been sent
};

struct Result {
  std::vector<double> seconds;  // of each connection that came to its end
  unsigned long long bytes = 0;
  unsigned failed = 0;
};

int check(const char* call, int result) {
  if (result == -1) throw std::system_error(errno, std::generic_category(), call);
  return result;
}

class Load {
 public:
  Load(sockaddr_in server, std::string request) : server_(server), request_(std::move(request)) {}

  Result run(unsigned at_once, unsigned total) {
    connections_.resize(std::min(at_once, total));
    unsigned begun = 0;
    for (; begun < connections_.size(); ++begun) open(begun);
    unsigned done = 0;
    std::vector<epoll_event> events(256);
    while (done < total) {
      const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      if (count == -1 && errno == EINTR) continue;
      check("epoll_wait", count);
      for (int i = 0; i < count; ++i) {
        const auto place = static_cast<unsigned>(events[static_cast<size_t>(i)].data.u64);
        if (!serve(connections_[place])) continue;
        ++done;
        if (begun < total) {
          open(place);
          ++begun;
        }
      }
    }
    return result_;
  }

 private:
  void open(unsigned place) {
    Connection& connection = connections_[place];
    connection.begin = Clock::now();
    connection.asked = request_.empty();
    connection.socket = check("socket", ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int connected =
        ::connect(connection.socket, reinterpret_cast<const sockaddr*>(&server_), sizeof server_);
    if (connected == -1 && errno != EINPROGRESS) check("connect", -1);
    epoll_event event{};
    event.events = connection.asked ? EPOLLIN : EPOLLOUT;
    event.data.u64 = place;
    check("epoll_ctl", ::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.socket, &event));
  }

  /// Does what can be done without waiting; true if the connection has come to its end.
  bool serve(Connection& connection) {
    if (!connection.asked) return !ask(connection);
    for (;;) {
      const ssize_t received = ::recv(connection.socket, buffer_.data(), buffer_.size(), 0);
      if (received > 0) {
        result_.bytes += static_cast<unsigned long long>(received);
        if (static_cast<size_t>(received) < buffer_.size()) return false;  // epoll tells when there is more
      } else if (received == -1 && (errno == EAGAIN || errno == EINTR)) {
        return false;
      } else {
        return end(connection, received == 0);
      }
    }
  }

  /// Sends the request, which always fits; false if the connection has failed.
  bool ask(Connection& connection) {
    if (::send(connection.socket, request_.data(), request_.size(), MSG_NOSIGNAL) == -1)
      return !end(connection, false);
    connection.asked = true;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = static_cast<uint64_t>(&connection - connections_.data());
    check("epoll_ctl", ::epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.socket, &event));
    return true;
  }

  bool end(Connection& connection, bool well) {
    if (well)
      result_.seconds.push_back(std::chrono::duration<double>(Clock::now() - connection.begin).count());
    else
      ++result_.failed;
    ::close(connection.socket);
    return true;
  }

  sockaddr_in server_;
  std::string request_;
  int epoll_ = check("epoll_create1", ::epoll_create1(EPOLL_CLOEXEC));
  std::vector<Connection> connections_;
  std::vector<char> buffer_ = std::vector<char>(256 * 1024);
  Result result_;
};

double quantile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[static_cast<size_t>(share * static_cast<double>(sorted.size() - 1))];
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

int usage() {
  std::fputs("usage: load [--http=PATH] HOST PORT AT_ONCE TOTAL\n", stderr);
  return 2;
}

}  // namespace

int main(int argc, char* argv[]) {
  std::string request;
  if (argc > 1 && std::strncmp(argv[1], "--http=", 7) == 0) {
    request = std::string("GET ") + (argv[1] + 7) + " HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
    --argc, ++argv;
  }
  if (argc != 5) return usage();
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(static_cast<uint16_t>(std::strtoul(argv[2], nullptr, 10)));
  const unsigned long at_once = std::strtoul(argv[3], nullptr, 10),
                      total = std::strtoul(argv[4], nullptr, 10);
  if (::inet_pton(AF_INET, argv[1], &server.sin_addr) != 1 || at_once == 0 || total == 0) return usage();
  try {
    const auto begin = Clock::now();
    Result result = Load(server, request).run(static_cast<unsigned>(at_once), static_cast<unsigned>(total));
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    std::sort(result.seconds.begin(), result.seconds.end());
    std::printf(
        "{\"seconds\": %.6f, \"bytes\": %llu, \"connections\": %zu, \"failed\": %u, \"cpu\": %.6f, "
        "\"p50\": %.6f, \"p99\": %.6f, \"worst\": %.6f}\n",
        seconds, result.bytes, result.seconds.size(), result.failed, cpu_seconds(),
        quantile(result.seconds, 0.5), quantile(result.seconds, 0.99), quantile(result.seconds, 1.0));
    return result.failed == 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "load: %s\n", error.what());
    return 1;
  }
}
