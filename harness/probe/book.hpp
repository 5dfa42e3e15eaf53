// The file that everything is written into, as one process has it mapped. Without one (no variable, a file that can't be
// used) nothing is recorded and nothing injected: the calls go through.
#pragma once

#include "format.hpp"

namespace probe {

enum class Call : std::uint16_t {
#define CALL(name, number) name,
#include "names.def"
#undef CALL
  none,
};

// The call that syscall(2) asks for by its number; Call::syscall if it is none of ours.
Call call_of(long number);

class Book {
 public:
  // The one of this process. A fork keeps it; a new program image finds it again by its variable.
  static Book& here();

  // A place for a call that begins now, with its number among its like; nullptr if nothing is recorded, or no place left.
  Record* begin(Call call, std::uint32_t& nth);

  // The rule that is for this call, the first one that fits; `index` counts from 1. nullptr if there is none.
  const Rule* rule_for(Call call, std::uint32_t nth, std::int32_t& index) const;

  // Around fork(2): the number of the child that comes, in the parent before it; in the child after it.
  std::uint16_t next_child();
  void be_child(std::uint16_t number);

 private:
  constexpr Book() = default;
  void open();
  void map();
  void enter_process();
  std::int32_t place_of(std::int32_t pid) const;
  void claim(std::int32_t parent, std::uint32_t number);

  bool opened_ = false;
  Head* head_ = nullptr;
  Rule* rules_ = nullptr;
  Process* processes_ = nullptr;
  Record* records_ = nullptr;
  std::int32_t self_ = -1;  // the place of this process; -1: nothing is recorded, or injected
};

std::int64_t now();  // CLOCK_MONOTONIC, nanoseconds

}  // namespace probe
