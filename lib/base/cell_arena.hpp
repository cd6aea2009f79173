// SPDX-License-Identifier: Apache-2.0
//
// CellArena: the memory of the global registry's numbers, at one address for the life of a process,
// so that who counts keeps a plain reference. At first it is private memory. share() puts a file in
// its place, under the same addresses: from then on other processes read what is counted here.
//
//   process A   arena = <directory>/stats-<pid>-<start>   locked as long as A lives
//     fork      the handler maps a new file of B's own over the same addresses, all numbers zero
//   process B   arena = <directory>/stats-<pid>-<start>   what A counts on goes to A's file alone
//
// The lock is one of fcntl(): the kernel takes it back when the process ends in any way, and no
// child inherits it. A child that can make no file (no room, no descriptor) counts in private
// memory, from zero.
//
// The file grows by fallocate(), so that a full disk is a metric in private memory and no SIGBUS.
//
// Thread-safety: place() from any thread, without a lock; a fork at any moment leaves the child an
// arena that works. What other threads count in the microseconds of share() itself may be lost.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/metrics.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

class CellArena {
 public:
  static constexpr std::size_t kSize = std::size_t{16} << 20;
  static constexpr std::size_t kHeader = 24;

  // The one of this process; never destroyed.
  static constexpr CellArena& global() noexcept;

  constexpr CellArena() noexcept = default;
  CellArena(const CellArena&) = delete;
  CellArena& operator=(const CellArena&) = delete;

  // The cell of `record`, as encode_record() makes it, in a place of its own. Null without room.
  void* place(std::string_view record) noexcept;

  // From now on in a file of `directory`, an absolute path without a link at its end that belongs
  // to this user alone. `alive` is a gauge of this arena that becomes 1, here and in each child.
  Status share(const std::string& directory, Gauge& alive);

  // Where it is shared: the directory, and this process's file in it. Empty where it is not.
  std::string directory() const;
  std::string file_name() const;

 private:
  std::byte* memory() noexcept;
  bool back(std::size_t size) noexcept;
  static void after_fork_in_child() noexcept;
  void move_to_own_file() noexcept;

  std::atomic<std::byte*> memory_{nullptr};
  std::atomic<std::size_t> used_{kHeader};
  std::atomic<std::size_t> backed_{kSize};  // bytes of it that may be touched
  std::atomic<int> placing_{0};
  std::atomic<bool> sharing_{false};  // under way
  std::atomic<bool> shared_{false};
  Gauge* alive_ = nullptr;
};

namespace cell_detail {
extern CellArena arena;
}

constexpr CellArena& CellArena::global() noexcept { return cell_detail::arena; }

}  // namespace tidegate::internal
