#include "send_file.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "patience.h"
#include "report.h"
#include "wire.h"

enum {
  SENDFILE_MAX = 1 << 30,  // bytes a call: what 32 bits can count, and the kernel moves at once
};

// A connection, and how long its client has taken nothing. Who finds that it can't go on says so, and returns false.
struct outgoing {
  int connection;
  int queued;  // bytes that waited in the kernel for the client when no more would fit
  unsigned seconds;  // for which that number has been the same
};

static bool open_outgoing(struct outgoing* out, int connection) {
  *out = (struct outgoing){.connection = connection};
  // A call that can't move a byte comes back after a second, so that we can look what the client does.
  const struct timeval second = {.tv_sec = 1};
  if (setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second) == 0) return true;
  complain("worker %d: SO_SNDTIMEO: %s", getpid(), strerror(errno));
  return false;
}

// A slow client takes bytes even while there is no room for more of them: only if the queue stays as it is, it stalls.
static bool has_stalled(struct outgoing* out) {
  int queued = 0;
  ioctl(out->connection, SIOCOUTQ, &queued);
  out->seconds = queued == out->queued ? out->seconds + 1 : 0;
  out->queued = queued;
  return out->seconds >= stall_timeout;
}

// Whether there can be another call after one that has moved so many bytes, or -1.
static bool goes_on(struct outgoing* out, ssize_t moved) {
  if (moved > 0) out->seconds = 0;
  if (moved != -1 || errno == EINTR) return true;
  if (errno != EAGAIN)
    complain("worker %d: sending: %s", getpid(), strerror(errno));
  else if (!has_stalled(out))
    return true;
  else
    complain("worker %d: the client has taken nothing for %u seconds: dropped", getpid(), stall_timeout);
  return false;
}

static bool send_all(struct outgoing* out, const void* bytes, size_t size) {
  const char* next = bytes;
  const char* const end = next + size;
  while (next < end) {
    const ssize_t sent = send(out->connection, next, (size_t)(end - next), MSG_NOSIGNAL);
    if (!goes_on(out, sent)) return false;
    if (sent > 0) next += sent;
  }
  return true;
}

static bool send_train(struct outgoing* out, const void* body, size_t size) {
  unsigned char train[HEAD_SIZE + BODY_MAX];
  const uint32_t head = htobe32((uint32_t)size);
  memcpy(train, &head, HEAD_SIZE);
  memcpy(train + HEAD_SIZE, body, size);
  return send_all(out, train, HEAD_SIZE + size);
}

static bool ends_early(const char* path, ssize_t got) {
  complain("worker %d: %s: %s", getpid(), path,
           got == 0 ? "became shorter while it was sent" : strerror(errno));
  return false;
}

static bool send_in_trains(struct outgoing* out, int file, uint64_t size, const char* path) {
  unsigned char body[BODY_MAX];
  while (size > 0) {
    const ssize_t got = read(file, body, size < BODY_MAX ? (size_t)size : BODY_MAX);
    if (got <= 0) return ends_early(path, got);
    if (!send_train(out, body, (size_t)got)) return false;
    size -= (uint64_t)got;
  }
  return true;
}

static bool send_bare(struct outgoing* out, int file, uint64_t size, const char* path) {
  while (size > 0) {
    const ssize_t moved =
        sendfile(out->connection, file, NULL, size < SENDFILE_MAX ? (size_t)size : SENDFILE_MAX);
    if (moved == 0) return ends_early(path, moved);
    if (!goes_on(out, moved)) return false;
    if (moved > 0) size -= (uint64_t)moved;
  }
  return true;
}

static const char* last_component(const char* path) {
  const char* slash = strrchr(path, '/');
  return slash != NULL ? slash + 1 : path;
}

static void send_opened(int connection, int file, uint64_t size, const char* path) {
  struct outgoing out;
  const char* name = last_component(path);
  if (!open_outgoing(&out, connection) || !send_train(&out, name, strlen(name))) return;
  if (STAGE >= 4) {
    const uint64_t announced = htobe64(size);
    if (!send_train(&out, &announced, sizeof announced)) return;
  }
  const bool sent = STAGE >= 5 ? send_bare(&out, file, size, path) : send_in_trains(&out, file, size, path);
  // The empty train: the end in stages 02 and 03, all the content of an empty file in 01.
  if (sent && (STAGE == 2 || STAGE == 3 || (STAGE == 1 && size == 0))) send_train(&out, "", 0);
}

void send_file(int connection, const char* path) {
  uint64_t size;
  const int file = open_file(path, &size);
  if (file == -1) return;
  send_opened(connection, file, size, path);
  close(file);
}

int open_file(const char* path, uint64_t* size) {
  struct stat status;
  const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a FIFO would hold us
  char first;
  const bool has_bytes = file != -1 && pread(file, &first, 1, 0) == 1;
  if (file == -1 || fstat(file, &status) == -1)
    complain("%s: %s", path, strerror(errno));
  else if (!S_ISREG(status.st_mode))
    complain("%s: %s", path, S_ISDIR(status.st_mode) ? strerror(EISDIR) : "Not a regular file");
  else if (STAGE == 1 && status.st_size > BODY_MAX)
    complain("%s: %jd bytes, and one train carries at most %d", path, (intmax_t)status.st_size, BODY_MAX);
  else if (status.st_size == 0 && has_bytes)  // as in /proc
    complain("%s: has more than the 0 bytes that it says", path);
  else {
    *size = (uint64_t)status.st_size;
    return file;
  }
  if (file != -1) close(file);
  return -1;
}
