// pool_test.cpp: how the parent leaves, and what becomes of its workers and clients. Each story has a process of
// its own, which is the parent.
#include "pool.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <utility>

#include "support.hpp"

namespace {

/// Ends the story: with status 0 if `all_is_well` and every child has been reaped.
[[noreturn]] void leave(bool all_is_well) {
  const bool childless = ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
  ::_exit(all_is_well && childless ? 0 : 1);
}

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

/// The soft limit of another process's descriptors; returns what it was.
rlim_t limit_descriptors(pid_t pid, rlim_t most) {
  rlimit limit{};
  check("prlimit", ::prlimit(pid, RLIMIT_NOFILE, nullptr, &limit));
  const rlim_t before = std::exchange(limit.rlim_cur, most);
  check("prlimit", ::prlimit(pid, RLIMIT_NOFILE, &limit, nullptr));
  return before;
}

class PoolDeathTest : public testing::Test {
 protected:
  PoolDeathTest() {
    write_file(directory_.path() / "f.txt", "hello");
    options_.file = directory_.path() / "f.txt";
    options_.workers = 3;
  }

  /// A pool that is asked to leave before it begins.
  void serve_with(int signal) {
    block_signals();
    Pool pool{listen_on("127.0.0.1", "0"), options_};
    ::raise(signal);
    pool.serve();
  }

  const TemporaryDirectory directory_;
  ServerOptions options_;
};

TEST_F(PoolDeathTest, SigtermEndsIdleWorkersAndReapsThem) {
  EXPECT_EXIT((serve_with(SIGTERM), leave(true)), testing::ExitedWithCode(0), "^$");
}

TEST_F(PoolDeathTest, SigintEndsIdleWorkersAndReapsThem) {
  EXPECT_EXIT((serve_with(SIGINT), leave(true)), testing::ExitedWithCode(0), "^$");
}

TEST_F(PoolDeathTest, WorkersDoNotActOnTheExitSignalsThemselves) {
  const auto story = [&] {
    ::setpgid(0, 0);
    block_signals();
    Pool pool{listen_on("127.0.0.1", "0"), options_};
    ::kill(0, SIGINT);  // Ctrl-C: to the whole process group
    pool.serve();
    leave(true);
  };
  EXPECT_EXIT(story(), testing::ExitedWithCode(0), "^$");
}

TEST_F(PoolDeathTest, AClientThatCameBeforeSigtermIsServedWholeOrSeesTheEnd) {
  const auto story = [&] {
    block_signals();
    Descriptor listener = listen_on("127.0.0.1", "0");
    pollfd ready{listener.get(), POLLIN, 0};
    const std::string port = port_of(listener.get());
    Pool pool{std::move(listener), options_};
    const Descriptor client = connect_to("127.0.0.1", port);
    check("poll", ::poll(&ready, 1, -1));
    ::raise(SIGTERM);
    pool.serve();
    const std::string wire = take(client.get());
    leave(wire.empty() || wire.ends_with("hello"));
  };
  EXPECT_EXIT(story(), testing::ExitedWithCode(0), "^$");
}

TEST_F(PoolDeathTest, ClientsAfterSigtermAreRefused) {
  const auto story = [&] {
    block_signals();
    Descriptor listener = listen_on("127.0.0.1", "0");
    const std::string port = port_of(listener.get());
    Pool pool{std::move(listener), options_};
    ::raise(SIGTERM);
    pool.serve();
    leave(message_of([&] { connect_to("127.0.0.1", port); }).ends_with("Connection refused"));
  };
  EXPECT_EXIT(story(), testing::ExitedWithCode(0), "^$");
}

TEST_F(PoolDeathTest, ADeadWorkerIsReapedAndReplaced) {
  options_.workers = 1;
  const auto story = [&] {
    ::setpgid(0, 0);
    block_signals();
    Descriptor listener = listen_on("127.0.0.1", "0");
    const std::string port = port_of(listener.get());
    Pool pool{std::move(listener), options_};
    ::signal(SIGHUP, SIG_IGN);
    ::kill(0, SIGHUP);  // all of the group but us
    siginfo_t dead{};
    check("waitid", ::waitid(P_ALL, 0, &dead, WEXITED | WNOWAIT));  // seen, and left to the pool to reap
    const pid_t client = ::fork();
    if (client == 0) {  // who can only be served by the worker that takes the dead one's place
      take(connect_to("127.0.0.1", port).get());
      ::kill(::getppid(), SIGTERM);
      ::_exit(0);
    }
    pool.serve();
    ::waitpid(client, nullptr, 0);  // it may outlive the pool, and is none of the pool's business
    leave(true);
  };
  EXPECT_EXIT(story(), testing::ExitedWithCode(0),
              "^server: worker [0-9]+ was ended by signal 1[^0-9].*takes its place\n$");
}

// The kernel lets an ordinary user have as many descriptors under way as it may have open, and root any number: see
// ETOOMANYREFS in unix(7).
TEST_F(PoolDeathTest, AHandOverThatFailsWhileTheChannelIsFullCostsOneClientOnly) {
  constexpr std::size_t more_than_buffers_hold = 16 << 20;
  options_.workers = 1;
  std::filesystem::resize_file(options_.file, more_than_buffers_hold);
  std::filesystem::permissions(directory_.path(), std::filesystem::perms::all);
  const auto story = [&] {
    if (::geteuid() == 0) check("setresuid", ::setresuid(65534, 65534, 65534));
    ::alarm(60);  // a pool that is broken never ends
    ::signal(SIGPIPE, SIG_IGN);  // as the server does
    block_signals();
    Descriptor listener = listen_on("127.0.0.1", "0");
    const std::string port = port_of(listener.get());
    const pid_t pool = ::getpid();
    const pid_t test = ::fork();
    if (test == 0) {
      std::vector<Descriptor> clients;
      while (clients.size() < 100) clients.push_back(connect_to("127.0.0.1", port));
      wait_until("the channel is full", [&] { return asleep(pool) && sees(listener, POLLIN); });
      listener.close();  // else the pool's end would not be the end of it
      const rlim_t before = limit_descriptors(pool, 3);
      std::size_t served = 0;
      wait_until("a client has lost its connection", [&] {
        if (served < clients.size() && sees(clients[served], POLLIN)) reset(clients[served++]);
        return std::ranges::any_of(clients, [](const Descriptor& client) { return sees(client, POLLRDHUP); });
      });
      limit_descriptors(pool, before);
      clients.clear();
      const std::string wire = take(connect_to("127.0.0.1", port).get());
      ::kill(pool, wire.size() > more_than_buffers_hold ? SIGTERM : SIGKILL);
      ::_exit(0);
    }
    Pool{std::move(listener), options_}.serve();
    ::waitpid(test, nullptr, 0);  // unless the pool has reaped it
    leave(true);
  };
  EXPECT_EXIT(story(), testing::ExitedWithCode(0), "sendmsg: Too many references");
}

TEST_F(PoolDeathTest, WhoeverStartsTheServerMayIgnoreSigchld) {
  EXPECT_EXIT((::signal(SIGCHLD, SIG_IGN), serve_with(SIGTERM), leave(true)), testing::ExitedWithCode(0),
              "^$");
}

TEST_F(PoolDeathTest, ChildrenThatAreNoWorkersAreReapedAndNotReplaced) {
  const auto story = [&] {
    block_signals();
    if (::fork() == 0) ::_exit(7);
    siginfo_t dead{};
    check("waitid", ::waitid(P_ALL, 0, &dead, WEXITED | WNOWAIT));
    Pool pool{listen_on("127.0.0.1", "0"), options_};
    ::raise(SIGTERM);
    pool.serve();
    leave(true);
  };
  EXPECT_EXIT(story(), testing::ExitedWithCode(0), "^$");
}

TEST_F(PoolDeathTest, WithoutAParentEveryWorkerLeaves) {
  const auto story = [&] {
    { const Pool pool{listen_on("127.0.0.1", "0"), options_}; }  // its ends of all channels are closed
    int status = 0;
    int left = 0;
    while (::waitpid(-1, &status, 0) != -1) left += WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 1 : 0;
    leave(left == 3);
  };
  EXPECT_EXIT(story(), testing::ExitedWithCode(0), "^$");
}

}  // namespace
