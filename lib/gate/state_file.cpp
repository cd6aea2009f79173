// SPDX-License-Identifier: Apache-2.0
#include "gate/state_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/log_record.hpp"
#include "base/metrics.hpp"
#include "base/seed.hpp"
#include "base/text.hpp"
#include "gate/state_directory.hpp"

namespace tidegate::internal {

namespace {

// Those of this process. Append-only and never freed, without a lock, as a fork may come at any
// moment.
struct Opened {
  std::string directory;
  std::shared_ptr<StateFile> file;
  Opened* next = nullptr;
};
std::atomic<Opened*> opened{nullptr};

std::shared_ptr<StateFile> find(const std::string& directory) {
  for (Opened* each = opened.load(std::memory_order_acquire); each; each = each->next) {
    if (each->directory == directory) return each->file;
  }
  return nullptr;
}

Result<StateOrigin> origin_here() {
  StateOrigin origin;
  const Descriptor boot(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  if (!boot || ::read(boot.get(), origin.boot.data(), origin.boot.size() - 1) <= 0) {
    return Status(Cause::kLocalResource,
                  std::string("the boot id of the system cannot be read: ") + std::strerror(errno));
  }
  struct stat clock{};
  if (::stat("/proc/self/ns/time", &clock) == 0) origin.clock = clock.st_ino;
  origin.owner = ::geteuid();
  return origin;
}

std::int64_t now() noexcept { return Deadline::now().time_since_epoch().count(); }

std::byte* mapped(int fd) noexcept {
  void* const base = ::mmap(nullptr, kStateSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  return base == MAP_FAILED ? nullptr : static_cast<std::byte*>(base);
}

Status no_mapping(const std::string& path) {
  return Status(Cause::kLocalResource, path + " cannot be mapped: " + std::strerror(errno));
}

// A lock on the record at `at` that another open file of the same inode sees.
bool lock_record(int fd, std::size_t at, short type) noexcept {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(at);
  lock.l_len = 1;
  int done = 0;
  do {
    done = ::fcntl(fd, F_OFD_SETLK, &lock);
  } while (done != 0 && errno == EINTR);
  return done == 0;
}

bool is_unused(int own, std::size_t at) noexcept {
  if (!lock_record(own, at, F_WRLCK)) return false;
  lock_record(own, at, F_UNLCK);
  return true;
}

// With a header and no entries, under its name.
Status make(const StateDirectory& directory, const std::string& name, const StateOrigin& origin) {
  Result<Descriptor> fresh = directory.fresh(kStateSize);
  if (!fresh.ok()) return fresh.status();
  const StateHeader header = StateHeader::make(origin, now(), fresh_seed());
  if (::pwrite(fresh->get(), &header, sizeof header, 0) != sizeof header) {
    return Status(Cause::kLocalResource,
                  directory.path() + " cannot be written: " + std::strerror(errno));
  }
  return directory.publish(name);
}

void count_rebuilt(const std::string& path) {
  static Counter& rebuilt = Registry::global().counter(
      "gate_file.rebuilt", {}, "Shared files that were broken or of another start of the system");
  rebuilt.add();
  log(LogLevel::kWarning, "gate_file",
      path + " is broken or of another start of the system, and is made anew");
}

std::string shown(std::uint64_t shape, std::size_t size) {
  char text[64];
  std::snprintf(text, sizeof text, "%016llx (%zu bytes)", static_cast<unsigned long long>(shape),
                size);
  return text;
}

}  // namespace

Result<std::shared_ptr<StateFile>> StateFile::open(const std::string& directory) {
  if (auto known = find(directory)) return known;
  Result<std::shared_ptr<StateFile>> file = map(directory);
  if (!file.ok()) return file;
  auto node = std::make_unique<Opened>(Opened{directory, *file});
  node->next = opened.load(std::memory_order_acquire);
  do {
    if (auto known = find(directory)) return known;
  } while (!opened.compare_exchange_weak(node->next, node.get(), std::memory_order_acq_rel));
  return node.release()->file;
}

Result<std::shared_ptr<StateFile>> StateFile::map(const std::string& directory) {
  Result<StateOrigin> origin = origin_here();
  if (!origin.ok()) return origin.status();
  Result<StateDirectory> place = StateDirectory::open(directory);
  if (!place.ok()) return place.status();
  const FileLock lock(place->fd());
  if (!lock.held()) {
    return Status(Cause::kLocalResource, directory + " cannot be locked: " + std::strerror(errno));
  }
  // Another version or clock has another file, so that two of them do not put each other's aside.
  const std::string name =
      "gate." + std::to_string(kStateAbi) + '.' + std::to_string(origin->clock);
  const std::string path = directory + '/' + name;
  for (int attempt = 0; attempt < 2; ++attempt) {
    Result<Descriptor> found = place->file(name);
    if (!found.ok()) return found.status();
    if (*found) {
      // Not closed in a child, unlike a Descriptor.
      const int kept = ::fcntl(found->get(), F_DUPFD_CLOEXEC, 0);
      if (kept < 0) return no_mapping(path);
      bool is_broken = false;
      auto taken = take(path, kept, *origin, is_broken);
      if (!is_broken) return taken;
      count_rebuilt(path);
    }
    if (Status made = make(*place, name, *origin); !made.ok()) return made;
  }
  return Status(Cause::kLocalResource, path + " is broken as soon as it is made");
}

Result<std::shared_ptr<StateFile>> StateFile::take(const std::string& path, int fd,
                                                   const StateOrigin& origin, bool& is_broken) {
  struct stat found{};
  is_broken = ::fstat(fd, &found) != 0 || found.st_size != static_cast<off_t>(kStateSize);
  std::byte* const base = is_broken ? nullptr : mapped(fd);
  if (!base) {
    const Status status = no_mapping(path);
    ::close(fd);
    return status;
  }
  std::shared_ptr<StateFile> file(new StateFile(path, fd, base));
  const FileLock lock(fd);
  is_broken = !file->header_.is_sound(origin, now()) || !file->table_.is_sound();
  return file;
}

StateFile::StateFile(std::string path, int fd, std::byte* base) noexcept
    : path_(std::move(path)),
      fd_(fd),
      base_(base),
      header_(*reinterpret_cast<const StateHeader*>(base)),
      table_(base) {}

StateFile::~StateFile() {
  ::munmap(base_, kStateSize);
  ::close(fd_);
}

std::string StateFile::default_directory() {
  return "/dev/shm/tidegate-" + std::to_string(::geteuid());
}

Result<std::span<std::byte>> StateFile::place(std::string_view kind, std::string_view name,
                                              std::uint64_t shape, std::size_t size) {
  if (kind.empty() || kind.size() > kLongestStateName || name.empty() ||
      name.size() > kLongestStateName) {
    return Status(Cause::kConfig, "a shared name has 1 to " + std::to_string(kLongestStateName) +
                                      " bytes, and '" + one_line(name, 64) + "' has " +
                                      std::to_string(name.size()));
  }
  if (size == 0 || size > kStateSize) {
    return Status(Cause::kConfig, std::string(kind) + " '" + one_line(name, 64) + "' of " +
                                      std::to_string(size) + " bytes is not from 1 to " +
                                      std::to_string(kStateSize));
  }
  // Opened once more, for a lock that no child shares, and to which those of fd_ are another's.
  const Descriptor own(
      ::open(("/proc/self/fd/" + std::to_string(fd_)).c_str(), O_RDWR | O_CLOEXEC));
  StateHeader found{};
  if (!own || ::pread(own.get(), &found, sizeof found, 0) != sizeof found ||
      std::memcmp(&found, &header_, sizeof found) != 0) {
    return Status(
        Cause::kLocalResource,
        path_ + " cannot be reached any more: its descriptor was closed, or it is broken");
  }
  const FileLock lock(own.get());
  if (!lock.held()) {
    return Status(Cause::kLocalResource, path_ + " cannot be locked: " + std::strerror(errno));
  }
  return place_locked(own.get(), kind, name, shape, size);
}

Result<std::span<std::byte>> StateFile::place_locked(int own, std::string_view kind,
                                                     std::string_view name, std::uint64_t shape,
                                                     std::size_t size) {
  std::size_t vacant = kStateEntries;
  StateTable::Entry entry;
  for (std::size_t i = 0; i < kStateEntries; ++i) {
    if (!table_.read(i, entry)) {
      return Status(Cause::kLocalResource, path_ + " is broken: remove it and start again");
    }
    if (entry.at == 0) {
      vacant = std::min(vacant, i);
    } else if (entry.kind == kind && entry.name == name) {
      if (entry.record.shape != shape || entry.record.size != size) {
        if (!is_unused(own, entry.at)) return mismatch(entry, shape, size);
        table_.remove(i);
        vacant = std::min(vacant, i);
        continue;
      }
      if (Status used = use(entry); !used.ok()) return used;
      return std::span(base_ + entry.memory, size);
    }
  }
  const std::size_t room = StateTable::room(kind, name, size);
  std::size_t at = vacant < kStateEntries ? table_.free_place(room) : 0;
  if (at == 0) {
    vacant = std::min(vacant, drop_unused(own));
    at = vacant < kStateEntries ? table_.free_place(room) : 0;
  }
  if (at == 0) {
    return Status(Cause::kLocalResource, path_ + " is full: no room for " + std::to_string(size) +
                                             " bytes of " + std::string(kind) + " '" +
                                             one_line(name, 64) + "' among " +
                                             std::to_string(kStateEntries) + " entries and " +
                                             std::to_string(kStateSize) + " bytes");
  }
  entry = table_.write(vacant, at, kind, name, shape, size);
  if (Status used = use(entry); !used.ok()) return used;
  return std::span(base_ + entry.memory, size);
}

Status StateFile::use(const StateTable::Entry& entry) const {
  if (lock_record(fd_, entry.at, F_RDLCK)) return {};
  return Status(Cause::kLocalResource,
                path_ + " cannot be marked as used: " + std::strerror(errno));
}

// The first entry that is free now, or kStateEntries.
std::size_t StateFile::drop_unused(int own) noexcept {
  std::size_t first = kStateEntries;
  StateTable::Entry entry;
  for (std::size_t i = kStateEntries; i-- > 0;) {
    if (!table_.read(i, entry) || entry.at == 0 || !is_unused(own, entry.at)) continue;
    table_.remove(i);
    first = i;
  }
  return first;
}

Status StateFile::mismatch(const StateTable::Entry& entry, std::uint64_t shape,
                           std::size_t size) const {
  return Status(Cause::kConfig,
                std::string(entry.kind) + " '" + one_line(entry.name, 64) + "' has the settings " +
                    shown(shape, size) + " here, and " +
                    shown(entry.record.shape, static_cast<std::size_t>(entry.record.size)) +
                    " in processes that run: give it another name, or end them first");
}

}  // namespace tidegate::internal
