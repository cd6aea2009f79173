// SPDX-License-Identifier: Apache-2.0

#include "base/cell_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <ctime>

namespace tidegate::internal {
namespace {

constexpr std::string_view kHidden = ".new-";

char* put(char* at, std::string_view text) noexcept {
  return std::copy(text.begin(), text.end(), at);
}

char* put(char* at, std::uint64_t number) noexcept {
  std::array<char, 20> digits{};
  auto digit = digits.end();
  do {
    *--digit = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  return std::copy(digit, digits.end(), at);
}

bool allocate(int descriptor, std::size_t size) noexcept {
  int done = 0;
  do {
    done = ::fallocate(descriptor, 0, 0, static_cast<off_t>(size));
  } while (done != 0 && errno == EINTR);
  return done == 0;
}

}  // namespace

bool CellFile::set_directory(std::string_view path) noexcept {
  if (path.size() >= directory_.size()) return false;
  *put(directory_.data(), path) = '\0';
  return true;
}

void CellFile::path_of(Path& path, std::string_view before_name) const noexcept {
  char* at = put(path.data(), std::string_view(directory_.data()));
  at = put(put(at, "/"), before_name);
  *put(at, std::string_view(name_.data())) = '\0';
}

int CellFile::make(std::size_t size) noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  char* at = put(put(name_.data(), kPrefix), static_cast<std::uint64_t>(::getpid()));
  at = put(put(at, "-"), static_cast<std::uint64_t>(now.tv_sec));
  *put(put(at, "-"), static_cast<std::uint64_t>(now.tv_nsec)) = '\0';

  Path path;
  path_of(path, kHidden);
  const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  descriptor_ = ::open(path.data(), flags, 0600);
  if (descriptor_ < 0) return errno;
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  struct stat about = {};
  if (!allocate(descriptor_, size) || ::fcntl(descriptor_, F_SETLK, &lock) != 0 ||
      ::fstat(descriptor_, &about) != 0) {
    const int why = errno;
    discard();
    return why;
  }
  device_ = about.st_dev;
  inode_ = about.st_ino;
  return 0;
}

int CellFile::show() noexcept {
  Path hidden, path;
  path_of(hidden, kHidden);
  path_of(path, "");
  return std::rename(hidden.data(), path.data()) == 0 ? 0 : errno;
}

void CellFile::discard() noexcept {
  Path path;
  path_of(path, kHidden);
  ::unlink(path.data());
  ::close(descriptor_);
  descriptor_ = -1;
}

bool CellFile::grow(std::size_t size) const noexcept {
  // A program may have closed what it did not open, and the number may be another file's now.
  struct stat about = {};
  if (::fstat(descriptor_, &about) != 0) return false;
  if (about.st_dev != device_ || about.st_ino != inode_) return false;
  return allocate(descriptor_, size);
}

void CellFile::leave_to_parent() noexcept {
  struct stat about = {};
  const bool same =
      ::fstat(descriptor_, &about) == 0 && about.st_dev == device_ && about.st_ino == inode_;
  if (same) ::close(descriptor_);
  descriptor_ = -1;
}

}  // namespace tidegate::internal
