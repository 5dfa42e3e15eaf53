#include "pool.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "channel.h"
#include "network.h"
#include "patience.h"
#include "report.h"
#include "worker.h"

enum { SECOND = 1000, PAUSE = SECOND };  // milliseconds
enum { SIGNALS, LISTENER, CHANNELS };  // what is polled: in this order, one channel for each worker

struct worker {
  pid_t pid;  // 0: there is none in this place
  int channel;  // -1: it has ended
  bool idle;
};

struct pool {
  enum { STARTING, SERVING, DRAINING, ENDING } state;
  int status;  // with which the program will end
  int64_t time;  // of this round: what is decided in it agrees on what has passed
  int listener;
  int signals;
  int client;  // accepted, and not yet handed over; -1: none
  int64_t paused_until;  // for want of descriptors, memory or processes
  int64_t drain_deadline;  // while it drains
  const char* file;
  size_t size;
  size_t turn;  // the place of the worker that is asked first
  struct worker workers[WORKERS_MAX];
};

// Milliseconds of a clock that nobody sets.
static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static bool leaving(const struct pool* pool) { return pool->state >= DRAINING; }

static bool paused(const struct pool* pool) { return pool->time < pool->paused_until; }

static void pause_for(struct pool* pool, const char* cause) {
  complain("%s: %s", cause, strerror(errno));
  pool->paused_until = pool->time + PAUSE;
}

// Leaving

static void stop_listening(struct pool* pool) {
  if (pool->listener != -1) close(pool->listener);
  if (pool->client != -1) close(pool->client);
  pool->listener = pool->client = -1;
}

// Graceful exit: each worker finds the end of its channel behind its last connection.
static void drain(struct pool* pool) {
  pool->state = DRAINING;
  pool->drain_deadline = pool->time + (int64_t)drain_timeout * SECOND;
  stop_listening(pool);
  for (size_t i = 0; i < pool->size; ++i) shutdown(pool->workers[i].channel, SHUT_WR);
}

// Ordered exit.
static void end(struct pool* pool) {
  pool->state = ENDING;
  stop_listening(pool);
  for (size_t i = 0; i < pool->size; ++i)
    if (pool->workers[i].pid != 0) kill(pool->workers[i].pid, SIGKILL);
}

static void fail(struct pool* pool, const char* cause) {
  complain("%s: %s", cause, strerror(errno));
  pool->status = EXIT_FAILURE;
  end(pool);
}

// Workers

static bool start_worker(struct pool* pool, struct worker* worker) {
  int ends[2];
  if (!open_channel(ends)) return false;
  const pid_t pid = fork();
  if (pid == 0) run_worker(ends[1], pool->file);
  close(ends[1]);  // so that the channel ends with the worker
  if (pid == -1) {
    close(ends[0]);
    return false;
  }
  *worker = (struct worker){.pid = pid, .channel = ends[0]};
  return true;
}

static void fill_up(struct pool* pool) {
  for (size_t i = 0; i < pool->size && !paused(pool); ++i) {
    if (pool->workers[i].pid != 0 || start_worker(pool, &pool->workers[i])) continue;
    if (pool->state != STARTING) {
      pause_for(pool, "a worker can't be started");
      continue;
    }
    fail(pool, "a worker can't be started");
    return;
  }
}

static void end_channel(struct worker* worker) {
  if (worker->channel != -1) close(worker->channel);
  worker->channel = -1;
  worker->idle = false;
}

static void reap(struct pool* pool) {
  for (pid_t pid; (pid = waitpid(-1, NULL, WNOHANG)) > 0;)
    for (size_t i = 0; i < pool->size; ++i)
      if (pool->workers[i].pid == pid) {
        if (!leaving(pool)) complain("worker %d has died", pid);
        end_channel(&pool->workers[i]);
        pool->workers[i].pid = 0;
      }
}

static size_t living(const struct pool* pool) {
  size_t count = 0;
  for (size_t i = 0; i < pool->size; ++i) count += pool->workers[i].pid != 0;
  return count;
}

static size_t idle(const struct pool* pool) {
  size_t count = 0;
  for (size_t i = 0; i < pool->size; ++i) count += pool->workers[i].idle;
  return count;
}

// Clients

// In turn, so that all have as much to do.
static struct worker* next_idle(struct pool* pool) {
  for (size_t i = 0; i < pool->size; ++i) {
    struct worker* worker = &pool->workers[(pool->turn + i) % pool->size];
    if (!worker->idle) continue;
    pool->turn = (pool->turn + i + 1) % pool->size;
    return worker;
  }
  return NULL;
}

static bool take_client(struct pool* pool) {
  if (paused(pool)) return false;
  pool->client = accept4(pool->listener, NULL, NULL, SOCK_CLOEXEC);
  if (pool->client != -1) return true;
  if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) pause_for(pool, "accept");
  return false;
}

static void hand_over(struct pool* pool) {
  struct worker* worker;
  while ((pool->client != -1 || (idle(pool) > 0 && take_client(pool))) &&
         (worker = next_idle(pool)) != NULL) {
    worker->idle = false;
    if (pass_connection(worker->channel, pool->client)) {
      close(pool->client);
      pool->client = -1;
    } else
      kill(worker->pid, SIGKILL);  // it is dead already, or can't be reached; its client goes to the next one
  }
}

static void announce(struct pool* pool) {
  if (tell_address(pool->listener))
    pool->state = SERVING;
  else
    fail(pool, "standard output");
}

// Events

static void hear_signal(struct pool* pool) {
  struct signalfd_siginfo signal;
  if (read(pool->signals, &signal, sizeof signal) != sizeof signal) return;
  if (signal.ssi_signo == SIGCHLD)
    reap(pool);
  else if (signal.ssi_signo == SIGTERM && !leaving(pool))
    drain(pool);
  else
    end(pool);
}

static int milliseconds_left(const struct pool* pool) {
  if (pool->state == DRAINING) return (int)(pool->drain_deadline - pool->time);
  return !leaving(pool) && paused(pool) ? (int)(pool->paused_until - pool->time) : -1;
}

static void await_events(struct pool* pool) {
  struct pollfd polled[CHANNELS + WORKERS_MAX];
  // The clients wait in the backlog as long as nobody has time for them.
  const bool open = pool->state == SERVING && !paused(pool) && idle(pool) > 0;
  polled[SIGNALS] = (struct pollfd){.fd = pool->signals, .events = POLLIN};
  polled[LISTENER] = (struct pollfd){.fd = open ? pool->listener : -1, .events = POLLIN};
  for (size_t i = 0; i < pool->size; ++i)
    polled[CHANNELS + i] = (struct pollfd){.fd = pool->workers[i].channel, .events = POLLIN};
  if (poll(polled, CHANNELS + pool->size, milliseconds_left(pool)) == -1) return;  // EINTR
  for (size_t i = 0; i < pool->size; ++i) {
    struct worker* worker = &pool->workers[i];
    if (polled[CHANNELS + i].revents == 0) continue;
    if (hear_idle(worker->channel))
      worker->idle = true;
    else
      end_channel(worker);
  }
  if (polled[SIGNALS].revents != 0) hear_signal(pool);
}

// Does all that can be done without waiting.
static void advance(struct pool* pool) {
  pool->time = now();
  if (!leaving(pool)) fill_up(pool);
  if (pool->state == STARTING && idle(pool) == pool->size) announce(pool);
  if (pool->state == SERVING) hand_over(pool);
  if (pool->state == DRAINING && pool->time >= pool->drain_deadline) end(pool);
}

static sigset_t signals_of_interest(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGCHLD);
  return set;
}

void prepare_signals(void) {
  const sigset_t set = signals_of_interest();
  sigprocmask(SIG_BLOCK, &set, NULL);
  signal(SIGCHLD, SIG_DFL);  // ignored, as a parent may have left it, there would be nobody to reap
  signal(SIGPIPE, SIG_IGN);  // a client that has gone is the business of sendfile's caller
}

int run_pool(int listener, size_t workers, const char* file) {
  const sigset_t set = signals_of_interest();
  struct pool pool = {.listener = listener, .client = -1, .file = file, .size = workers};
  pool.signals = signalfd(-1, &set, SFD_CLOEXEC);
  if (pool.signals == -1) die("signalfd: %s", strerror(errno));
  for (size_t i = 0; i < workers; ++i) pool.workers[i].channel = -1;
  for (;;) {
    advance(&pool);
    if (leaving(&pool) && living(&pool) == 0) return pool.status;
    await_events(&pool);
  }
}
