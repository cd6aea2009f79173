// SPDX-License-Identifier: Apache-2.0

#include "base/stats_share.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/cell_arena.hpp"
#include "base/cell_file.hpp"
#include "base/cell_record.hpp"
#include "base/fork.hpp"

namespace tidegate::internal {
namespace {

constexpr const char* kGone = "gone";
constexpr const char* kNewGone = ".gone";
constexpr const char* kLock = "lock";
constexpr off_t kMostBytes = off_t{1} << 30;
constexpr int kAttempts = 16;

// A descriptor that no child keeps.
class Opened {
 public:
  explicit Opened(int fd) noexcept : fd_(fd) {
    if (fd_ >= 0) close_in_child(fd_);
  }
  ~Opened() {
    if (fd_ < 0) return;
    keep_in_child(fd_);
    ::close(fd_);
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  explicit operator bool() const noexcept { return fd_ >= 0; }
  int fd() const noexcept { return fd_; }

 private:
  const int fd_;
};

int open_in(const Opened& directory, const char* name, int flags) noexcept {
  return ::openat(directory.fd(), name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
}

int open_directory(const std::string& path) noexcept {
  return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

bool is_locked(int fd) noexcept {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return ::fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

std::optional<StatsFile> read_stats(int fd) {
  struct stat about = {};
  if (::fstat(fd, &about) != 0 || !S_ISREG(about.st_mode) || about.st_uid != ::geteuid() ||
      about.st_size > kMostBytes) {
    return std::nullopt;
  }
  std::string bytes(static_cast<std::size_t>(about.st_size), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got =
        ::pread(fd, bytes.data() + have, bytes.size() - have, static_cast<off_t>(have));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  return decode_stats(std::string_view(bytes).substr(0, have));
}

bool write_all(int fd, std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return true;
}

std::vector<std::string> names_in(const std::string& path) {
  std::vector<std::string> names;
  DIR* const directory = ::opendir(path.c_str());
  if (!directory) return names;
  while (const dirent* entry = ::readdir(directory)) {
    if (std::string_view(entry->d_name).starts_with(CellFile::kPrefix)) {
      names.emplace_back(entry->d_name);
    }
  }
  ::closedir(directory);
  return names;
}

struct Seen {
  StatsFile gone;
  Snapshot others;
  std::vector<std::string> dead;
  int unreadable = 0;
};

// `reached`: whether there is none, or it could be opened.
StatsFile read_gone(const Opened& directory, int& unreadable, bool& reached) {
  const Opened file(open_in(directory, kGone, O_RDONLY));
  reached = file || errno == ENOENT;
  if (!file && reached) return {};
  if (auto gone = file ? read_stats(file.fd()) : std::nullopt) return std::move(*gone);
  ++unreadable;
  return {};
}

std::uint64_t generation_of(const Opened& directory) {
  int ignored = 0;
  bool reached = false;
  return read_gone(directory, ignored, reached).generation;
}

Seen look(const Opened& directory, const std::string& path) {
  Seen seen;
  bool reached = false;
  seen.gone = read_gone(directory, seen.unreadable, reached);
  const std::string own = CellArena::global().file_name();
  for (const std::string& name : names_in(path)) {
    // Opening and closing the own one would take its lock away.
    if (name == own || std::ranges::count(seen.gone.names, name) != 0) continue;
    const Opened file(open_in(directory, name.c_str(), O_RDONLY));
    if (!file && errno == ENOENT) continue;
    auto stats = file ? read_stats(file.fd()) : std::nullopt;
    if (!stats) {
      ++seen.unreadable;
      continue;
    }
    if (!is_locked(file.fd())) {
      drop_gauges(stats->metrics);
      seen.dead.push_back(name);
    }
    add(seen.others, stats->metrics);
  }
  return seen;
}

// As look(), at a moment in which nothing was folded.
Seen look_in_peace(const Opened& directory, const std::string& path) {
  Seen seen;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    seen = look(directory, path);
    if (generation_of(directory) == seen.gone.generation) break;
  }
  return seen;
}

void put(Snapshot& to, std::string path, std::string help, Snapshot::Sample sample) {
  Snapshot::Metric metric{std::move(path), std::move(help), Across::kSum, {}};
  metric.samples.push_back(std::move(sample));
  add(to, metric);
}

// What the dead left becomes part of `gone`, if nobody else is at it.
void fold(const Opened& directory, const std::string& path) {
  const Opened lock(open_in(directory, kLock, O_RDWR | O_CREAT));
  if (!lock || ::flock(lock.fd(), LOCK_EX | LOCK_NB) != 0) return;
  int ignored = 0;
  bool reached = false;
  StatsFile gone = read_gone(directory, ignored, reached);
  if (!reached) return;  // a new one would forget the dead of before
  const auto removed = [&](const std::string& name) {
    return ::unlinkat(directory.fd(), name.c_str(), 0) == 0 || errno == ENOENT;
  };
  std::erase_if(gone.names, removed);
  Seen seen = look(directory, path);
  if (seen.dead.empty()) return;

  const auto counter = [&](const char* name, const Labels& labels, const char* help,
                           std::uint64_t n) { put(gone.metrics, name, help, {labels, n}); };
  for (const std::string& name : seen.dead) {
    const Opened file(open_in(directory, name.c_str(), O_RDONLY));
    auto stats = file ? read_stats(file.fd()) : std::nullopt;
    if (!stats) continue;
    drop_gauges(stats->metrics);
    add(gone.metrics, stats->metrics);
    gone.names.push_back(name);
    counter("workers.gone", {}, "Processes that have ended", 1);
  }
  ++gone.generation;
  {
    const Opened fresh(open_in(directory, kNewGone, O_WRONLY | O_CREAT | O_TRUNC));
    if (!fresh || !write_all(fresh.fd(), encode_stats(gone))) return;
  }
  if (::renameat(directory.fd(), kNewGone, directory.fd(), kGone) != 0) return;
  for (const std::string& name : gone.names) removed(name);  // what fails is tried next time
}

Status refused(const std::string& path, std::string_view why) {
  return Status(Cause::kConfig,
                "'" + path + "' cannot be the state directory: " + std::string(why));
}

Status check(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return refused(path, std::strerror(errno));
  }
  const Opened directory(open_directory(path));
  if (!directory) return refused(path, std::strerror(errno));
  struct stat about = {};
  if (::fstat(directory.fd(), &about) != 0) return refused(path, std::strerror(errno));
  if (about.st_uid != ::geteuid()) {
    return refused(path, "it belongs to user " + std::to_string(about.st_uid) + ", not to " +
                             std::to_string(::geteuid()));
  }
  if ((about.st_mode & 077) != 0)
    return refused(path, "others may enter it; its mode has to be 0700");
  return Status();
}

}  // namespace

Status share_stats_in(std::string_view directory) {
  if (directory.empty()) return Status(Cause::kConfig, "the state directory has no name");
  std::error_code failed;
  auto absolute = std::filesystem::absolute(std::filesystem::path(directory), failed);
  if (failed) return refused(std::string(directory), failed.message());
  absolute = absolute.lexically_normal();
  if (!absolute.has_filename()) absolute = absolute.parent_path();  // "a/"
  const std::string path = absolute.string();
  const std::string before = CellArena::global().directory();
  if (before == path) return Status();
  if (!before.empty()) return refused(path, "the metrics are shared in '" + before + "' already");
  if (Status checked = check(path); !checked.ok()) return checked;
  Gauge& alive = Registry::global().gauge("workers.alive", {}, "Processes that share the numbers");
  if (Status shared = CellArena::global().share(path, alive); !shared.ok()) return shared;
  const Opened opened(open_directory(path));
  if (opened) fold(opened, path);
  return Status();
}

std::shared_ptr<const Snapshot> snapshot_of_all_workers() {
  auto sum = std::make_shared<Snapshot>(*Registry::global().snapshot());
  const auto gauge = [&](const char* name, const Labels& labels, const char* help, std::int64_t n) {
    put(*sum, name, help, {labels, n});
  };
  const std::string path = CellArena::global().directory();
  if (path.empty()) {
    gauge("workers.alive", {}, "Processes that share the numbers", 1);
    return sum;
  }
  const Opened directory(open_directory(path));
  Seen seen;
  if (directory) seen = look_in_peace(directory, path);
  add(*sum, seen.gone.metrics);
  add(*sum, seen.others);
  gauge("workers.unreadable", {}, "Files of other processes that could not be read",
        directory ? seen.unreadable : 1);
  if (!seen.dead.empty()) fold(directory, path);
  return sum;
}

std::vector<std::int64_t> living_workers() {
  std::vector<std::int64_t> ids = {::getpid()};
  const std::string path = CellArena::global().directory();
  if (path.empty()) return ids;
  const Opened directory(open_directory(path));
  if (!directory) return ids;
  const std::string own = CellArena::global().file_name();
  for (const std::string& name : names_in(path)) {
    if (name == own) continue;
    const Opened file(open_in(directory, name.c_str(), O_RDONLY));
    const long id = std::strtol(name.c_str() + CellFile::kPrefix.size(), nullptr, 10);
    if (file && id > 0 && is_locked(file.fd())) ids.push_back(id);
  }
  std::sort(ids.begin() + 1, ids.end());
  return ids;
}

}  // namespace tidegate::internal
