// SPDX-License-Identifier: Apache-2.0
//
// Descriptor: a file descriptor that is closed when its owner goes, and, by number, in every child
// of a fork (close_in_child()): there it belongs to an owner that is abandoned.
#pragma once

#include <unistd.h>

#include <utility>

#include "base/fork.hpp"

namespace tidegate::internal {

class Descriptor {
 public:
  Descriptor() noexcept = default;
  explicit Descriptor(int fd) noexcept : fd_(fd) { close_in_child(fd); }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { reset(); }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  void reset() noexcept {
    if (fd_ < 0) return;
    keep_in_child(fd_);
    ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

}  // namespace tidegate::internal
