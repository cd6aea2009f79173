// SPDX-License-Identifier: Apache-2.0
//
// CellFile: the file that an arena is mapped from. Everything here is a plain system call on fixed
// memory, because a forked child makes its file before fork() returns there.
#pragma once

#include <sys/types.h>

#include <array>
#include <climits>
#include <cstddef>
#include <string_view>

namespace tidegate::internal {

class CellFile {
 public:
  constexpr CellFile() noexcept = default;

  // "stats-<pid>-<start>": the files that readers look at. While one is made it has another name,
  // so that nobody sees it without its lock.
  static constexpr std::string_view kPrefix = "stats-";

  // False where the path is too long.
  bool set_directory(std::string_view path) noexcept;

  // Makes and locks a file of this process, `size` bytes of it with room on the disk. It is there
  // for readers after show(). Return errno.
  int make(std::size_t size) noexcept;
  int show() noexcept;
  void discard() noexcept;

  // Room for `size` bytes; false where there is none.
  bool grow(std::size_t size) const noexcept;

  // Forgets a parent's file, whose lock stays the parent's.
  void leave_to_parent() noexcept;

  int descriptor() const noexcept { return descriptor_; }
  const char* directory() const noexcept { return directory_.data(); }
  const char* name() const noexcept { return name_.data(); }

 private:
  using Path = std::array<char, PATH_MAX>;
  void path_of(Path& path, std::string_view before_name) const noexcept;

  std::array<char, PATH_MAX - 128> directory_{};
  std::array<char, 64> name_{};
  int descriptor_ = -1;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace tidegate::internal
