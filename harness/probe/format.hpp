// What the probe and the harness share: a file that both map (mmap(2), MAP_SHARED). The harness makes it, writes the head
// and the plan, and reads the rest: harness/bytetrain/probe/book.py has the same numbers. Integers are the machine's own.
//
//     Head           once
//     Rule[]         the plan: what shall happen to which calls
//     Process[]      each process that the probe has come to, in the order of their coming
//     Record[]       each call, in the order in which they began
//
// A mapped page is the kernel's: what stands in it stays when a process is killed in the next instant. Each record has
// one writer, so that none is torn; one whose call never came back, as its process waits or is dead, stays BEGUN.
#pragma once

#include <atomic>
#include <cstdint>

namespace probe {

constexpr std::uint64_t kMagic = 0x3145'424f'5250'5442;  // "BTPROBE1" on a little-endian machine
constexpr std::uint32_t kVersion = 1;

struct Head {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t rules;  // how many there are of each
  std::uint32_t processes;
  std::uint32_t records;
  std::atomic<std::uint32_t> processes_used;
  std::atomic<std::uint32_t> records_used;  // may go beyond `records`: so many calls were not recorded
  std::atomic<std::uint32_t> roots;  // processes whose parent the probe has not seen
  std::uint32_t unused;
};
static_assert(sizeof(Head) == 40);

enum class Action : std::uint32_t {
  fail = 1,  // value: the errno; nothing is asked of the kernel
  shorten,  // value: at most so many bytes are asked of the kernel
  delay,  // value: milliseconds before the call
  await,  // until there is a file of the name `path`
  raise,  // value: a signal before the call
  kill_before,  // SIGKILL to the process itself
  kill_within,  // when half of the bytes have been moved; of other calls as kill_after
  kill_after,  // when the kernel has done it, before the program knows
};

struct Rule {
  std::uint16_t
      lineage[8];  // 1, 2: the second child of the first process; 0 ends it; 0xffff: any, here and below
  std::uint16_t call;  // a Call; 0xffff: any
  std::uint16_t unused;
  Action action;
  std::uint32_t first, last;  // the calls of that name in that process that it is for, counted from 1
  std::int64_t value;
  char path[88];
};
static_assert(sizeof(Rule) == 128);

struct Process {
  std::atomic<std::int32_t> pid;
  std::int32_t parent;  // its place in this table; -1: the probe has not seen it begin
  std::uint16_t lineage[8];
  std::atomic<std::uint32_t> children;
  std::uint32_t images;  // how often a program has begun in it: once, and with each execve(2)
  std::int64_t began;  // CLOCK_MONOTONIC, nanoseconds
  std::atomic<std::uint32_t> counts[116];  // of its calls, by Call
};
static_assert(sizeof(Process) == 504);

enum State : std::uint32_t { kFree, kBegun, kEnded };

struct Record {
  std::atomic<std::uint32_t> state;
  std::uint16_t call;
  std::uint16_t data_length;  // of `data`
  std::int32_t process;  // its place in that table
  std::int32_t thread;  // gettid(2)
  std::uint32_t nth;  // call of that name in this process
  std::int32_t rule;  // that was applied, counted from 1; 0: none
  std::int64_t began, ended;  // CLOCK_MONOTONIC, nanoseconds
  std::int64_t result;  // -1 with an errno; of posix_fallocate, which returns it, 0 or -1 as well
  std::int32_t error;
  std::int32_t passed;  // sendmsg, recvmsg: the descriptor that was passed, or -1
  std::int64_t arguments[6];
  std::uint64_t inode;  // of the file that `result` or `passed` is, where the call has made or passed one
  std::uint8_t data[80];  // first bytes moved; a path; a sockaddr; two descriptors
};
static_assert(sizeof(Record) == 192);

}  // namespace probe
