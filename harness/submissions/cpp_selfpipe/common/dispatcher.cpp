#include "dispatcher.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <span>

#include "address.hpp"
#include "program.hpp"
#include "worker.hpp"

namespace {

using namespace std::chrono_literals;

constexpr auto drain_timeout = 30s;
constexpr auto pause_length = 1s;  // when the machine has run out of something

bool out_of_resources(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS || error == EAGAIN;
}

}  // namespace

Dispatcher::Dispatcher(Fd socket, std::size_t workers, std::string file)
    : signals_{{SIGCHLD, SIGTERM, SIGINT}},
      listener_{std::move(socket)},
      idle_{make_pipe(0)},
      wanted_{workers},
      file_{std::move(file)} {
  // The workers' end blocks, and is another open file: F_SETFL of fcntl(2).
  must("fcntl", ::fcntl(idle_.read_end.get(), F_SETFL, O_NONBLOCK));
}

// Usually nobody is left by now; after an exception nobody may be left either.
Dispatcher::~Dispatcher() {
  for (const auto& [pid, channel] : channels_) ::kill(pid, SIGKILL);
  for (const auto& [pid, channel] : channels_) {
    uninterrupted([child = pid] { return ::waitpid(child, nullptr, 0); });
  }
}

void Dispatcher::run() {
  while (!leaving() || !channels_.empty()) {
    if (!leaving() && !alarm_) keep_complete();
    if (state_ == State::starting && idle_workers_.size() == wanted_) open_doors();
    if (!alarm_) hand_over_client();
    wait_for_news();
  }
}

bool Dispatcher::wants_clients() const {
  return state_ == State::serving && !alarm_ && !client_ && !idle_workers_.empty();
}

// In milliseconds, for poll(2): rounded up, so as not to wake too early.
int Dispatcher::until_alarm() const {
  if (!alarm_) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*alarm_ - Clock::now());
  return static_cast<int>(std::max(left, 0ms).count());
}

void Dispatcher::wait_for_news() {
  // While no worker is idle, clients wait in the backlog. A descriptor of -1 is passed over.
  std::array<pollfd, 3> sources{{{signals_.fd(), POLLIN, 0},
                                 {idle_.read_end.get(), POLLIN, 0},
                                 {wants_clients() ? listener_.get() : -1, POLLIN, 0}}};
  const int found = ::poll(sources.data(), sources.size(), until_alarm());
  if (found == -1) {
    if (errno != EINTR) fail("poll", errno);
    return;  // the signal is in the pipe
  }
  if (alarm_ && Clock::now() >= *alarm_) {
    alarm_.reset();
    if (state_ == State::draining) end_all();
  }
  if (sources[0].revents != 0) hear_signals();
  if (sources[1].revents != 0) hear_the_idle();
  if (sources[2].revents != 0 && wants_clients()) accept_client();
}

// The pool

void Dispatcher::keep_complete() {
  try {
    while (channels_.size() < wanted_) spawn_worker();
  } catch (const std::system_error& error) {
    if (state_ == State::starting || !out_of_resources(error.code().value())) throw;
    pause(error.what());
  }
}

void Dispatcher::spawn_worker() {
  Channel channel = make_channel();
  const pid_t pid = must("fork", signals_.fork());
  if (pid == 0) become_worker(std::move(channel));
  channels_.emplace(pid, std::move(channel.of_parent));
}

// Nothing of the parent's may live on here: others take the end of a channel, of the port or of the pipe for a sign.
void Dispatcher::become_worker(Channel channel) {
  channel.of_parent = Fd{};
  channels_.clear();
  listener_ = Fd{};
  client_ = Fd{};
  idle_.read_end = Fd{};
  try {
    work(channel.of_worker, idle_.write_end, file_);
  } catch (const std::exception& error) {
    log_line("server: a worker", error.what());
    ::_exit(1);
  }
  ::_exit(0);
}

// One SIGCHLD may stand for many deaths: signal(7).
void Dispatcher::reap() {
  for (;;) {
    siginfo_t dead{};
    const int result = uninterrupted([&] { return ::waitid(P_ALL, 0, &dead, WEXITED | WNOHANG); });
    if (result == -1 || dead.si_pid == 0) break;
    channels_.erase(dead.si_pid);
    std::erase(idle_workers_, dead.si_pid);
    if (!leaving()) {
      const char* const how = dead.si_code == CLD_EXITED ? " has left with status " : " was ended by signal ";
      log_line("server", "worker " + std::to_string(dead.si_pid) + how + std::to_string(dead.si_status));
    }
  }
  // What the dead have said is passed over now, before a new worker can get the pid of one of them.
  hear_the_idle();
}

void Dispatcher::hear_the_idle() {
  std::array<pid_t, 512> pids{};
  for (;;) {
    const auto got = uninterrupted([&] { return ::read(idle_.read_end.get(), pids.data(), sizeof pids); });
    if (got <= 0) return;  // EAGAIN; there is no end, because we have the writing end too
    for (const pid_t pid : std::span{pids}.first(static_cast<std::size_t>(got) / sizeof(pid_t))) {
      if (!leaving() && channels_.contains(pid)) idle_workers_.push_back(pid);
    }
  }
}

// Clients

void Dispatcher::open_doors() {
  const std::string address = local_address(listener_);
  must(address, ::listen(listener_.get(), SOMAXCONN));
  state_ = State::serving;
  say("listening on " + address);
}

// Most errors concern only the client that has come, and is gone: accept(2).
void Dispatcher::accept_client() {
  client_ = Fd{::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
  const int error = errno;
  if (!client_ && error != EAGAIN && out_of_resources(error))
    pause(std::string{"accept: "} + ::strerror(error));
}

// To the one who has been idle for the longest time. A dead one costs nothing but the attempt.
void Dispatcher::hand_over_client() {
  while (client_ && !idle_workers_.empty()) {
    const pid_t next = idle_workers_.front();
    if (hand_over(channels_.at(next), client_)) {
      client_ = Fd{};
    } else if (errno != EPIPE && errno != ECONNRESET) {
      pause(std::string{"sendmsg: "} + ::strerror(errno));
      return;
    }
    idle_workers_.pop_front();
  }
}

// Leaving

void Dispatcher::hear_signals() {
  while (const auto number = signals_.next()) {
    if (*number == SIGCHLD)
      reap();
    else if (*number == SIGTERM && !leaving())
      drain();
    else
      end_all();
  }
}

void Dispatcher::drain() {
  log_line("server", "leaves when the transfers under way are finished");
  close_doors();
  state_ = State::draining;
  alarm_ = Clock::now() + drain_timeout;
  // A worker finds the end of its channel behind whatever was handed to it before.
  for (auto& [pid, channel] : channels_) channel = Fd{};
}

void Dispatcher::end_all() {
  log_line("server", "ends all its workers");
  close_doors();
  state_ = State::ending;
  alarm_.reset();
  for (const auto& [pid, channel] : channels_) ::kill(pid, SIGKILL);
}

void Dispatcher::close_doors() {
  listener_ = Fd{};
  client_ = Fd{};
  idle_workers_.clear();
}

void Dispatcher::pause(const std::string& why) {
  log_line("server", why + "; tries again in a second");
  alarm_ = Clock::now() + pause_length;
}
