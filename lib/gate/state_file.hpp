// SPDX-License-Identifier: Apache-2.0
//
// StateFile: memory that all processes of a host share, in one mapped file of a directory:
//
//   auto file = StateFile::open("/dev/shm/tidegate-1000");
//   if (!file.ok()) return file.status();
//   auto words = (*file)->place("limiter", "encar", shape, 64);    // the same in every process
//
// What is promised
//   * Memory is all zero at first, at a multiple of 64, and the same for each kind and name as long
//     as anybody uses it; it outlives the processes, so that a restart is not a new beginning.
//   * Who dies, at whatever point, leaves a file that works. The file is locked while it is made and
//     while something is placed, by flock(), which the kernel gives back; never while it is used.
//   * A file of another start of the system, of another clock or with a broken head is put aside by
//     a new one, with rename(): who has the old one mapped keeps it, as it was. What belongs to
//     somebody else is refused.
//   * `shape` says how the memory is meant, such as a hash of the limits. While others use another
//     shape or size for the same name that is refused, with the cause config. Once nobody does, the
//     memory begins anew at zero.
//   * Where the file is full, what nobody uses makes room.
//
// Who uses what is known to the kernel: a process holds a read lock on each record that it has asked
// for (F_OFD_SETLK), by a descriptor that stays open. A child of a fork has it too. Who closes all
// of its descriptors, as daemons do, should do so before.
//
// All processes see one mount: a container with a /dev/shm of its own has a file of its own.
//
// Thread-safety: everything, any thread. Cost: system calls and a look through the table, for who
// makes something, not for who counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "gate/state_layout.hpp"
#include "tidegate/deadline.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

class StateFile {
 public:
  // That of this process and directory; a child of a fork goes on with its parent's. Never unmapped.
  static Result<std::shared_ptr<StateFile>> open(const std::string& directory);
  // Another mapping, as another process would have it.
  static Result<std::shared_ptr<StateFile>> map(const std::string& directory);

  // /dev/shm/tidegate-<uid>
  static std::string default_directory();

  StateFile(const StateFile&) = delete;
  StateFile& operator=(const StateFile&) = delete;
  ~StateFile();

  Result<std::span<std::byte>> place(std::string_view kind, std::string_view name,
                                     std::uint64_t shape, std::size_t size);

  // The same for all who use the file: a time before all that is in it, and a number that nobody
  // outside knows.
  TimePoint epoch() const noexcept { return TimePoint(Duration(header_.epoch)); }
  std::uint64_t seed() const noexcept { return header_.seed; }

  const std::string& path() const noexcept { return path_; }

 private:
  // Takes over the descriptor.
  StateFile(std::string path, int fd, std::byte* base) noexcept;
  static Result<std::shared_ptr<StateFile>> take(const std::string& path, int fd,
                                                 const StateOrigin& origin, bool& is_broken);

  Result<std::span<std::byte>> place_locked(int own, std::string_view kind, std::string_view name,
                                            std::uint64_t shape, std::size_t size);
  Status use(const StateTable::Entry& entry) const;
  std::size_t drop_unused(int own) noexcept;
  Status mismatch(const StateTable::Entry& entry, std::uint64_t shape, std::size_t size) const;

  const std::string path_;
  const int fd_;  // for as long as the process lives; see above
  std::byte* const base_;
  const StateHeader header_;
  StateTable table_;
};

}  // namespace tidegate::internal
