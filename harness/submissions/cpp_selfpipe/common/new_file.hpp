// new_file.hpp: a file that gets its name when it is complete, and is removed if that never comes.
#pragma once

#include <string>
#include <vector>

#include "system.hpp"
#include "wire.hpp"

class NewFile {
 public:
  // In a directory, under a name of its own.
  explicit NewFile(const std::string& directory);
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile();

  void append(Bytes bytes);

  // Complete: on disk, and from now on under that name, in place of an older file.
  void keep_as(const std::string& name);

 private:
  void write_all(Bytes bytes);

  std::string directory_;
  std::string path_;  // empty once it has its final name
  Fd file_;
  std::vector<std::byte> buffer_;  // so that a train is not a write(2)
};
