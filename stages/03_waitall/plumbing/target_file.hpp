// target_file.hpp: the file that the client saves. It has a name only once it is complete.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "plumbing/system.hpp"

/// `name` with every control byte as \xNN: what comes from the wire must not drive a terminal or forge a line.
std::string printable(std::string_view name);

/// Throws for a name that would lead out of the directory or can't be a file's: empty, longer than 255
/// bytes, "." or "..", one with '/' or a NUL byte.
void check_name(std::string_view name);

class TargetFile {
 public:
  /// Opens a file without a name in `directory`, to become `name`. Throws if the name is refused.
  TargetFile(const std::filesystem::path& directory, std::string_view name);
  ~TargetFile();
  TargetFile(const TargetFile&) = delete;
  TargetFile& operator=(const TargetFile&) = delete;

  /// Appends all of `bytes`. Throws std::system_error ("write notes.txt: No space left on device").
  void write(std::span<const std::byte> bytes);

  /// Gives the file its name, in place of an older one in a single step: rename(2) is atomic.
  void commit();

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }  // bytes written so far
  [[nodiscard]] int descriptor() const { return file_.get(); }

 private:
  bool open_without_name();
  void open_with_temporary_name();
  bool link_as(const std::string& name);
  void link_as_temporary_name();

  std::string name_;
  Descriptor directory_;
  Descriptor file_;
  std::string temporary_;  // the name to remove if there is no commit; empty: none
  std::uint64_t size_ = 0;
};
