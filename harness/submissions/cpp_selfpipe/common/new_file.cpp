#include "new_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace {

constexpr std::size_t buffer_size = 64 * 1024;

// The umask can only be read by setting it: umask(2).
mode_t usual_permissions() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return 0666 & ~mask;
}

}  // namespace

NewFile::NewFile(const std::string& directory) : directory_{directory} {
  std::string path = directory + "/.incoming-XXXXXX";
  file_ = Fd{must(shown(directory), ::mkostemp(path.data(), O_CLOEXEC))};
  path_ = path;
  buffer_.reserve(buffer_size);
}

NewFile::~NewFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

void NewFile::append(Bytes bytes) {
  if (buffer_.size() + bytes.size() > buffer_size) {
    write_all(buffer_);
    buffer_.clear();
  }
  if (bytes.size() >= buffer_size)
    write_all(bytes);
  else
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

void NewFile::write_all(Bytes bytes) {
  while (!bytes.empty()) {
    const auto written = uninterrupted([&] { return ::write(file_.get(), bytes.data(), bytes.size()); });
    bytes = bytes.subspan(static_cast<std::size_t>(must("write", written)));
  }
}

void NewFile::keep_as(const std::string& name) {
  write_all(buffer_);
  must("fchmod", ::fchmod(file_.get(), usual_permissions()));
  // Some file systems tell only now that there was no room.
  must("fsync", uninterrupted([&] { return ::fsync(file_.get()); }));
  must(shown(name), ::rename(path_.c_str(), (directory_ + "/" + name).c_str()));
  path_.clear();
}
