#include "receive_file.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>

#include "incoming.h"
#include "progress.h"
#include "report.h"

// What has come and is not used yet. However the stream was cut on its way: here it is one again.
static struct {
  int connection;
  size_t begin, end;
  unsigned char bytes[64 * 1024];
} arrived;

// Finds the next bytes of the stream: at least one, at most `most`.
static const unsigned char* next_bytes(uint64_t most, size_t* size) {
  if (arrived.begin == arrived.end) {
    ssize_t got;
    do got = recv(arrived.connection, arrived.bytes, sizeof arrived.bytes, 0);
    while (got == -1 && errno == EINTR);
    if (got == -1) die("the connection broke: %s", strerror(errno));
    if (got == 0) die("the server closed the connection before the end");
    arrived.begin = 0;
    arrived.end = (size_t)got;
  }
  const size_t there = arrived.end - arrived.begin;
  *size = there < most ? there : (size_t)most;
  arrived.begin += *size;
  return arrived.bytes + arrived.begin - *size;
}

static void take(void* target, size_t size) {
  for (unsigned char* next = target; size > 0;) {
    size_t got;
    const unsigned char* bytes = next_bytes(size, &got);
    memcpy(next, bytes, got);
    next += got;
    size -= got;
  }
}

static uint32_t take_head(void) {
  uint32_t head;
  take(&head, sizeof head);
  const uint32_t length = be32toh(head);
  if (length > BODY_MAX) die("a train of %" PRIu32 " bytes: at most %d are allowed", length, BODY_MAX);
  return length;
}

static void take_name(char name[BODY_MAX + 1]) {
  const uint32_t length = take_head();
  take(name, length);
  name[length] = '\0';
  if (length == 0 || length > NAME_MAX) die("a name of %" PRIu32 " bytes", length);
  if (strlen(name) < length) die("a NUL byte in the name that begins with '%s'", name);
  if (strchr(name, '/') != NULL || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
    die("the name '%s'", name);
}

static uint64_t take_size(void) {
  uint64_t size;
  const uint32_t length = take_head();
  if (length != sizeof size) die("a size of %" PRIu32 " bytes: it must have %zu", length, sizeof size);
  take(&size, sizeof size);
  return be64toh(size);
}

// The length of the next piece of the content; 0 if there is none left. Before stage 04 `size` is not known.
static uint64_t next_piece(uint64_t saved, uint64_t size) {
  if (STAGE >= 5) return size - saved;
  if ((STAGE == 4 && saved == size) || (STAGE == 1 && saved > 0)) return 0;
  const uint32_t length = take_head();
  if (STAGE == 4 && (length == 0 || length > size - saved))
    die("a train of %" PRIu32 " bytes, where %" PRIu64 " of %" PRIu64 " are left", length, size - saved,
        size);
  return length;
}

uint64_t receive_file(int connection, int directory, char name[BODY_MAX + 1]) {
  arrived.connection = connection;
  take_name(name);
  const uint64_t size = STAGE >= 4 ? take_size() : UINT64_MAX;
  open_incoming(directory);
  if (STAGE >= 4) begin_progress(size);
  uint64_t saved = 0;
  for (uint64_t left; (left = next_piece(saved, size)) > 0;)
    for (size_t got; left > 0; left -= got, saved += got) {
      const unsigned char* bytes = next_bytes(left, &got);
      write_incoming(bytes, got);
      if (STAGE >= 4) update_progress(saved + got);
    }
  complete_incoming(name);
  return saved;
}
