// pending.cpp: blocks a standard signal and a real-time signal, sends itself three of each, and counts what is there to read.
// See signal(7), "Queueing and delivery semantics for standard signals" and "Real-time signals".
#include <csignal>
#include <cstdio>
#include <ctime>

namespace {

int waiting(int number) {
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, number);
  const timespec at_once{};
  int count = 0;
  while (sigtimedwait(&one, nullptr, &at_once) == number) ++count;
  return count;
}

}  // namespace

int main() {
  sigset_t both;
  sigemptyset(&both);
  sigaddset(&both, SIGCHLD);
  sigaddset(&both, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &both, nullptr);
  for (int count = 0; count < 3; ++count) {
    raise(SIGCHLD);
    raise(SIGRTMIN);
  }
  std::printf("SIGCHLD:  sent 3, waiting %d\n", waiting(SIGCHLD));
  std::printf("SIGRTMIN: sent 3, waiting %d\n", waiting(SIGRTMIN));
}
