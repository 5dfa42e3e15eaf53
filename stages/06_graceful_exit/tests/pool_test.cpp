// pool_test.cpp: how the parent leaves, and what becomes of its workers and clients. Each story has a process of
// its own, which is the parent.
#include "pool.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>

#include "support.hpp"

namespace {

/// Ends the story: with status 0 if `all_is_well` and every child has been reaped.
[[noreturn]] void leave(bool all_is_well) {
  const bool childless = ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
  ::_exit(all_is_well && childless ? 0 : 1);
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
