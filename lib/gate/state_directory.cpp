// SPDX-License-Identifier: Apache-2.0
#include "gate/state_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace tidegate::internal {

namespace {

constexpr char kFresh[] = "fresh";

std::string octal(mode_t mode) {
  char text[16];
  std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(mode & 07777u));
  return text;
}

// Of what is opened already: nobody else's, and closed to everybody else.
Status check_owner(const std::string& path, const struct stat& found) {
  if (found.st_uid != ::geteuid()) {
    return Status(Cause::kConfig, path + " belongs to user " + std::to_string(found.st_uid) +
                                      ", not to user " + std::to_string(::geteuid()) +
                                      ", and is not trusted");
  }
  if ((found.st_mode & 077u) != 0) {
    return Status(Cause::kConfig, path + " has the mode " + octal(found.st_mode) +
                                      ", which lets other users in, and is not trusted");
  }
  return {};
}

bool is_for_want(int error) noexcept {
  return error == ENOSPC || error == EDQUOT || error == EMFILE || error == ENFILE ||
         error == ENOMEM || error == EIO;
}

}  // namespace

FileLock::FileLock(int fd) noexcept : fd_(fd) {
  while (::flock(fd, LOCK_EX) != 0) {
    if (errno == EINTR) continue;
    fd_ = -1;
    return;
  }
}

FileLock::~FileLock() {
  if (held()) ::flock(fd_, LOCK_UN);
}

Result<StateDirectory> StateDirectory::open(const std::string& path) {
  StateDirectory directory(path, Descriptor());
  if (path.empty() || path.front() != '/') {
    return Status(Cause::kConfig, "the state directory '" + path + "' is no absolute path");
  }
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return directory.failed("cannot be made", errno);
  }
  directory.fd_ = Descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory.fd_) {
    const int error = errno;
    if (error == ENOTDIR || error == ELOOP) {
      return Status(Cause::kConfig, path + " is no directory, and is not trusted");
    }
    return directory.failed("cannot be opened", error);
  }
  struct stat found{};
  if (::fstat(directory.fd(), &found) != 0) return directory.failed("cannot be looked at", errno);
  if (Status status = check_owner(path, found); !status.ok()) return status;
  return directory;
}

Result<Descriptor> StateDirectory::file(const std::string& name) const {
  const std::string path = path_ + '/' + name;
  // Not blocked by a FIFO that stands there.
  Descriptor file(::openat(fd(), name.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!file) {
    const int error = errno;
    if (error == ENOENT) return file;
    if (error == ELOOP || error == EISDIR || error == ENXIO) {
      return Status(Cause::kConfig, path + " is no regular file, and is not trusted");
    }
    return failed("has a file '" + name + "' that cannot be opened", error);
  }
  struct stat found{};
  if (::fstat(file.get(), &found) != 0) return failed("has a file that cannot be read", errno);
  if (!S_ISREG(found.st_mode)) {
    return Status(Cause::kConfig, path + " is no regular file, and is not trusted");
  }
  if (Status status = check_owner(path, found); !status.ok()) return status;
  return file;
}

Result<Descriptor> StateDirectory::fresh(std::size_t size) const {
  if (::unlinkat(fd(), kFresh, 0) != 0 && errno != ENOENT) {
    return failed("has a file that cannot be removed", errno);
  }
  Descriptor file(::openat(fd(), kFresh, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return failed("lets no file be made", errno);
  // All of it now: of a page for which there is no room later nobody could say so.
  int error = 0;
  do {
    error = ::posix_fallocate(file.get(), 0, static_cast<off_t>(size));
  } while (error == EINTR);
  if (error != 0) {
    ::unlinkat(fd(), kFresh, 0);
    return failed("has no room for " + std::to_string(size) + " bytes", error);
  }
  return file;
}

Status StateDirectory::publish(const std::string& name) const {
  if (::renameat(fd(), kFresh, fd(), name.c_str()) == 0) return {};
  return failed("lets no file be named", errno);
}

Status StateDirectory::failed(const std::string& what, int error) const {
  return Status(is_for_want(error) ? Cause::kLocalResource : Cause::kConfig,
                "the state directory " + path_ + " " + what + ": " + std::strerror(error));
}

}  // namespace tidegate::internal
