// exit_test.cpp: how the parent leaves, and what becomes of its workers and clients. Each story has a process of
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

class ExitDeathTest : public testing::Test {
 protected:
  ExitDeathTest() {
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

TEST_F(ExitDeathTest, SigtermEndsIdleWorkersAndReapsThem) {
  EXPECT_EXIT((serve_with(SIGTERM), leave(true)), testing::ExitedWithCode(0), "^$");
}

TEST_F(ExitDeathTest, SigintEndsIdleWorkersAndReapsThem) {
  EXPECT_EXIT((serve_with(SIGINT), leave(true)), testing::ExitedWithCode(0), "^$");
}

TEST_F(ExitDeathTest, WorkersDoNotActOnTheExitSignalsThemselves) {
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

TEST_F(ExitDeathTest, AClientThatCameBeforeSigtermIsServedWholeOrSeesTheEnd) {
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

TEST_F(ExitDeathTest, ClientsAfterSigtermAreRefused) {
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

TEST_F(ExitDeathTest, ChildrenThatAreNoWorkersAreReapedAsWell) {
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

}  // namespace
