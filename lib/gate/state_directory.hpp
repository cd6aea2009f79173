// SPDX-License-Identifier: Apache-2.0
//
// StateDirectory: the place of a state file, as far as it can be trusted: a directory of this user's
// that nobody else may enter, and in it a file of this user's. What belongs to somebody else, is a
// symbolic link, or is open to others is refused, never repaired.
//
// Thread-safety: one thread. It is for the moment of opening.
#pragma once

#include <string>

#include "net/descriptor.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

// flock() until it goes; given back by name, so that a copy of the descriptor in a child of a fork
// does not keep it. The kernel gives it back for who is killed.
class FileLock {
 public:
  explicit FileLock(int fd) noexcept;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();

  bool held() const noexcept { return fd_ >= 0; }

 private:
  int fd_;
};

class StateDirectory {
 public:
  // Makes the directory, mode 0700, where there is none; not what it stands in.
  static Result<StateDirectory> open(const std::string& path);

  // Opens the file, or holds no descriptor where there is none, or none that can be used.
  Result<Descriptor> file(const std::string& name) const;

  // An empty file that is not in the directory under its name yet, with room on the disk for `size`
  // bytes; publish() gives it the name, in the place of what has it. REQUIRES of both: locked.
  Result<Descriptor> fresh(std::size_t size) const;
  Status publish(const std::string& name) const;

  int fd() const noexcept { return fd_.get(); }
  const std::string& path() const noexcept { return path_; }

 private:
  StateDirectory(std::string path, Descriptor fd) noexcept
      : path_(std::move(path)), fd_(std::move(fd)) {}
  Status failed(const std::string& what, int error) const;

  std::string path_;
  Descriptor fd_;
};

}  // namespace tidegate::internal
