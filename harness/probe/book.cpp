#include "book.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string_view>

#include "next.hpp"

namespace probe {

namespace {

constexpr auto kVariable = "BYTETRAIN_PROBE";
constexpr std::uint16_t kAny = 0xffff;
constexpr std::size_t kDepth = sizeof(Rule::lineage) / sizeof(Rule::lineage[0]);

bool fits(const std::uint16_t* wanted, const std::uint16_t* lineage) {
  for (std::size_t i = 0; i < kDepth && wanted[i] != kAny; ++i) {
    if (wanted[i] != lineage[i]) return false;
    if (wanted[i] == 0) break;
  }
  return true;
}

void complain(std::string_view what) {
  for (const std::string_view part : {std::string_view{"bytetrain probe: "}, what, std::string_view{"\n"}})
    static_cast<void>(next<decltype(::write)>("write")(STDERR_FILENO, part.data(), part.size()));
}

}  // namespace

Call call_of(long number) {
  static constexpr long numbers[] = {
#define CALL(name, number) number,
#include "names.def"
#undef CALL
  };
  std::uint16_t place = 0;
  for (const long each : numbers) {
    if (each == number && number >= 0) return static_cast<Call>(place);
    ++place;
  }
  return Call::syscall;
}

std::int64_t now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

Book& Book::here() {
  static constinit Book book;
  if (!book.opened_) book.open();
  return book;
}

__attribute__((constructor)) static void begin() { Book::here(); }

// In the one thread that there is while libraries begin. AddressSanitizer's does so before the C library has its
// variables: what it calls is not the program's, and goes through.
void Book::open() {
  if (environ == nullptr) return;
  opened_ = true;
  const int before = errno;
  map();
  if (head_ != nullptr) enter_process();
  errno = before;
}

void Book::map() {
  const char* path = std::getenv(kVariable);
  if (path == nullptr || *path == '\0') return;
  const int fd = next<decltype(::open)>("open")(path, O_RDWR | O_CLOEXEC);
  struct stat file {};
  if (fd < 0 || next<decltype(::fstat)>("fstat")(fd, &file) != 0) return complain("its file can't be opened");
  const auto size = static_cast<std::size_t>(file.st_size);
  void* mapped = MAP_FAILED;
  if (size >= sizeof(Head)) {
    mapped = next<decltype(::mmap)>("mmap")(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  next<decltype(::close)>("close")(fd);
  if (mapped == MAP_FAILED) return complain("its file can't be mapped");
  auto* head = static_cast<Head*>(mapped);
  const std::size_t rules = sizeof(Head), processes = rules + head->rules * sizeof(Rule);
  const std::size_t records = processes + head->processes * sizeof(Process);
  if (head->magic != kMagic || head->version != kVersion || records + head->records * sizeof(Record) > size) {
    return complain("its file is none of this version");
  }
  auto* bytes = static_cast<char*>(mapped);
  head_ = head;
  rules_ = reinterpret_cast<Rule*>(bytes + rules);
  processes_ = reinterpret_cast<Process*>(bytes + processes);
  records_ = reinterpret_cast<Record*>(bytes + records);
}

void Book::enter_process() {
  self_ = place_of(static_cast<std::int32_t>(getpid()));
  if (self_ >= 0) {  // a program has become another one: execve(2)
    ++processes_[self_].images;
    return;
  }
  const std::int32_t parent =
      place_of(static_cast<std::int32_t>(getppid()));  // by vfork(2) or posix_spawn(3), if any
  claim(parent, 1 + (parent < 0 ? head_->roots : processes_[parent].children).fetch_add(1));
}

std::int32_t Book::place_of(std::int32_t pid) const {
  auto used = static_cast<std::int32_t>(std::min(head_->processes_used.load(), head_->processes));
  while (--used >= 0 && processes_[used].pid.load() != pid) {  // the last one: numbers come again
  }
  return used;
}

void Book::claim(std::int32_t parent, std::uint32_t number) {
  const std::uint32_t place = head_->processes_used.fetch_add(1);
  self_ = place < head_->processes ? static_cast<std::int32_t>(place) : -1;
  if (self_ < 0) return;
  Process& process = processes_[place];
  std::size_t depth = 0;
  if (parent >= 0) {
    for (; depth < kDepth - 1 && processes_[parent].lineage[depth] != 0; ++depth)
      process.lineage[depth] = processes_[parent].lineage[depth];
  }
  process.lineage[depth] = static_cast<std::uint16_t>(number);
  process.parent = parent;
  process.images = 1;
  process.began = now();
  process.pid.store(static_cast<std::int32_t>(getpid()));
}

std::uint16_t Book::next_child() {
  return self_ < 0 ? 0 : static_cast<std::uint16_t>(1 + processes_[self_].children.fetch_add(1));
}

void Book::be_child(std::uint16_t number) {
  if (self_ >= 0) claim(self_, number);
}

Record* Book::begin(Call call, std::uint32_t& nth) {
  if (self_ < 0) return nullptr;
  nth = 1 + processes_[self_].counts[static_cast<std::size_t>(call)].fetch_add(1);
  const std::uint32_t place = head_->records_used.fetch_add(1);
  if (place >= head_->records) return nullptr;
  Record& record = records_[place];
  record.call = static_cast<std::uint16_t>(call);
  record.process = self_;
  record.nth = nth;
  record.passed = -1;
  record.began = now();
  return &record;
}

const Rule* Book::rule_for(Call call, std::uint32_t nth, std::int32_t& index) const {
  if (self_ < 0) return nullptr;
  for (std::uint32_t i = 0; i < head_->rules; ++i) {
    const Rule& rule = rules_[i];
    const bool is_called_so = rule.call == kAny || rule.call == static_cast<std::uint16_t>(call);
    if (!is_called_so || nth < rule.first || nth > rule.last ||
        !fits(rule.lineage, processes_[self_].lineage))
      continue;
    index = static_cast<std::int32_t>(i + 1);
    return &rule;
  }
  return nullptr;
}

}  // namespace probe
