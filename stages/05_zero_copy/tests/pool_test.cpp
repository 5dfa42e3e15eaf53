// pool_test.cpp: the parent, and what becomes of its workers and clients. Each story has a process of its own, which
// is the parent.
#include "pool.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <utility>

#include "channel.hpp"
#include "plumbing/start.hpp"
#include "support.hpp"

namespace {

/// Whether a process sleeps: see proc(5) on the state in stat.
bool asleep(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string stat;
  std::getline(file, stat);
  return stat.substr(stat.rfind(") ") + 2, 1) == "S";
}

bool sees(const Descriptor& socket, short event) {
  pollfd ready{socket.get(), event, 0};
  return ::poll(&ready, 1, 0) == 1;
}

/// How many descriptors this process may have open; returns what it was.
rlim_t limit_descriptors(rlim_t most) {
  rlimit limit{};
  check("getrlimit", ::getrlimit(RLIMIT_NOFILE, &limit));
  const rlim_t before = std::exchange(limit.rlim_cur, most);
  check("setrlimit", ::setrlimit(RLIMIT_NOFILE, &limit));
  return before;
}

/// As many copies of a descriptor under way, over a socket that nobody reads.
SocketPair under_way(int fd, std::size_t copies) {
  SocketPair pair = unix_pair();
  while (copies-- > 0) send_descriptor(pair.left.get(), fd);
  return pair;
}

class PoolDeathTest : public testing::Test {
 protected:
  PoolDeathTest() {
    write_file(directory_.path() / "f.txt", "hello");
    options_.file = directory_.path() / "f.txt";
    options_.workers = 1;
  }

  /// A pool that serves until `finds_all_well`, in a process of its own, ends it: with SIGUSR1 if it does.
  template <typename Check>
  static void serve_beside(Pool& pool, Check finds_all_well) {
    constexpr unsigned limit = 120;  // seconds, for both: a pool that is broken might serve nobody for ever
    ::alarm(limit);
    const pid_t parent = ::getpid();
    if (::fork() == 0) {
      ::alarm(limit);  // fork clears it
      bool well = false;
      const std::string error = message_of([&] { well = finds_all_well(parent); });
      if (!error.empty()) log(error);
      ::kill(parent, well ? SIGUSR1 : SIGKILL);
      ::_exit(0);
    }
    pool.serve();
  }

  /// The only worker is dead before the pool begins to serve; a client can only be served by another.
  void serve_with_a_dead_worker() {
    ::setpgid(0, 0);
    block_signals();
    Descriptor listener = listen_on("127.0.0.1", "0");
    const std::string port = port_of(listener.get());
    Pool pool{std::move(listener), options_};
    ::signal(SIGHUP, SIG_IGN);
    ::kill(0, SIGHUP);  // all of the group but us
    siginfo_t dead{};
    check("waitid", ::waitid(P_ALL, 0, &dead, WEXITED | WNOWAIT));  // seen, and left to the pool to reap
    serve_beside(pool, [&](pid_t) { return take(connect_to("127.0.0.1", port).get()).ends_with("hello"); });
  }

  const TemporaryDirectory directory_;
  ServerOptions options_;
};

TEST_F(PoolDeathTest, ADeadWorkerIsReapedAndReplaced) {
  EXPECT_EXIT(serve_with_a_dead_worker(), testing::KilledBySignal(SIGUSR1),
              "^server: worker [0-9]+ was ended by signal 1; another takes its place\n$");
}

TEST_F(PoolDeathTest, WhoeverStartsTheServerMayIgnoreSigchld) {
  EXPECT_EXIT((::signal(SIGCHLD, SIG_IGN), start_program(), serve_with_a_dead_worker()),
              testing::KilledBySignal(SIGUSR1),
              "^server: worker [0-9]+ was ended by signal 1; another takes its place\n$");
}

TEST_F(PoolDeathTest, ChildrenThatAreNoWorkersAreReapedAndNotReplaced) {
  const auto story = [&] {
    block_signals();
    const pid_t child = ::fork();
    if (child == 0) ::_exit(7);
    siginfo_t dead{};
    check("waitid", ::waitid(P_ALL, 0, &dead, WEXITED | WNOWAIT));
    Pool pool{listen_on("127.0.0.1", "0"), options_};
    serve_beside(pool, [&](pid_t) {
      wait_until("the child is reaped", [&] { return ::kill(child, 0) == -1 && errno == ESRCH; });
      return true;
    });
  };
  EXPECT_EXIT(story(), testing::KilledBySignal(SIGUSR1), "^$");
}

TEST_F(PoolDeathTest, WithoutAParentEveryWorkerLeaves) {
  options_.workers = 3;
  const auto story = [&] {
    { const Pool pool{listen_on("127.0.0.1", "0"), options_}; }  // its end of the channel is closed
    int status = 0;
    int left = 0;
    while (::waitpid(-1, &status, 0) != -1) left += WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 1 : 0;
    ::_exit(left == 3 ? 0 : 1);
  };
  EXPECT_EXIT(story(), testing::ExitedWithCode(0), "^$");
}

// The kernel lets an ordinary user have as many descriptors under way as it may have open, and root any number: see
// ETOOMANYREFS in unix(7).
TEST_F(PoolDeathTest, AHandOverThatFailsWhileTheChannelIsFullHoldsUpNoLaterClient) {
  constexpr std::size_t more_than_buffers_hold = 16 << 20;
  constexpr rlim_t more_than_the_channel_holds = 64;
  std::filesystem::resize_file(options_.file, more_than_buffers_hold);
  std::filesystem::permissions(directory_.path(), std::filesystem::perms::all);
  const auto story = [&] {
    if (::geteuid() == 0) check("setresuid", ::setresuid(65534, 65534, 65534));
    ::signal(SIGPIPE, SIG_IGN);  // as the server does
    block_signals();
    Descriptor listener = listen_on("127.0.0.1", "0");
    const Descriptor backlog{check("dup", ::dup(listener.get()))};
    const std::string port = port_of(listener.get());
    Pool pool{std::move(listener), options_};
    const rlim_t enough = limit_descriptors(more_than_the_channel_holds);
    serve_beside(pool, [&](pid_t parent) {
      limit_descriptors(enough);
      std::vector<Descriptor> clients;
      while (clients.size() < 100) clients.push_back(connect_to("127.0.0.1", port));
      const auto waits = [&] { return sees(backlog, POLLIN); };
      wait_until("the parent sleeps while somebody waits",
                 [&] { return waits() && asleep(parent) && waits(); });
      SocketPair too_many = under_way(backlog.get(), more_than_the_channel_holds);
      std::size_t served = 0;
      wait_until("a client has lost its connection", [&] {
        if (served < clients.size() && sees(clients[served], POLLIN)) reset(clients[served++]);
        return std::ranges::any_of(clients, [](const Descriptor& client) { return sees(client, POLLRDHUP); });
      });
      too_many = {};
      clients.clear();
      return take(connect_to("127.0.0.1", port).get()).size() > more_than_buffers_hold;
    });
  };
  EXPECT_EXIT(story(), testing::KilledBySignal(SIGUSR1), "sendmsg: Too many references");
}

}  // namespace
