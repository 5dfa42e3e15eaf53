// dispatcher.hpp: the parent. It listens, keeps the pool complete, and hands connections to workers.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "handover.hpp"
#include "signal_pipe.hpp"
#include "system.hpp"

class Dispatcher {
 public:
  // The socket is bound and not listening yet.
  Dispatcher(Fd socket, std::size_t workers, std::string file);
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;
  ~Dispatcher();

  // Until a signal ends it and the last worker is reaped.
  void run();

 private:
  // Starting ends when every worker has said that it is idle. So by then each has closed what is not its own: not one
  // of them can keep the port busy.
  enum class State { starting, serving, draining, ending };
  using Clock = std::chrono::steady_clock;

  bool leaving() const { return state_ == State::draining || state_ == State::ending; }
  bool wants_clients() const;
  int until_alarm() const;
  void wait_for_news();

  void keep_complete();
  void spawn_worker();
  [[noreturn]] void become_worker(Channel channel);
  void reap();
  void hear_the_idle();
  void open_doors();
  void accept_client();
  void hand_over_client();

  void hear_signals();
  void drain();
  void end_all();
  void close_doors();
  void pause(const std::string& why);

  State state_ = State::starting;
  SignalPipe signals_;
  Fd listener_;
  Pipe idle_;
  std::map<pid_t, Fd> channels_;  // of all the workers that have not been reaped
  std::deque<pid_t> idle_workers_;
  Fd client_;  // accepted, and not handed over yet
  std::optional<Clock::time_point> alarm_;  // the end of a pause, or of the drain
  std::size_t wanted_;
  std::string file_;
};
