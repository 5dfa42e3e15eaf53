#include "progress.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "report.h"

static const double PERIOD = 0.1;  // seconds between two drawings
static const double MIB = 1024 * 1024;

static struct {
  bool visible;
  uint64_t size;
  double begun, drawn;
} progress;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

// Rounded down: 100 is said when all is there, and not before.
static unsigned percent(uint64_t received, uint64_t size) {
  if (received == size) return 100;
  const uint64_t share = size / 100 > 0 ? received / (size / 100) : received * 100 / size;
  return share < 99 ? (unsigned)share : 99;
}

static void draw(uint64_t received, double time) {
  const uint64_t left = progress.size - received;
  const double elapsed = time - progress.begun;
  const double rate = elapsed > 0 ? (double)received / elapsed : 0;
  char text[160], wait[40] = "";
  if (left > 0 && rate > 0) snprintf(wait, sizeof wait, ", %.0f s left", (double)left / rate);
  snprintf(text, sizeof text, "%3u%%  %" PRIu64 " of %" PRIu64 " bytes, %.1f MiB/s%s",
           percent(received, progress.size), received, progress.size, rate / MIB, wait);
  show_status(text);
  progress.drawn = time;
}

void begin_progress(uint64_t size) {
  progress.visible = isatty(STDERR_FILENO);
  progress.size = size;
  progress.begun = now();
  update_progress(0);
}

void update_progress(uint64_t received) {
  if (!progress.visible) return;
  const double time = now();
  if (received < progress.size && time - progress.drawn < PERIOD) return;
  draw(received, time);
  if (received == progress.size) end_status();
}
