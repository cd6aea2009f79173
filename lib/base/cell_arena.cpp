// SPDX-License-Identifier: Apache-2.0

#include "base/cell_arena.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/cell_file.hpp"
#include "base/cell_record.hpp"

namespace tidegate::internal {
namespace {

static_assert(sizeof(CellHeader) == CellArena::kHeader);

constexpr std::size_t kStep = std::size_t{256} << 10;
constexpr int kAccess = PROT_READ | PROT_WRITE;

// The arena's; there is one arena that is shared.
constinit CellFile file;

std::atomic<bool> handler_registered{false};

std::size_t stepped(std::size_t size) noexcept {
  return std::min((size + kStep - 1) / kStep * kStep, CellArena::kSize);
}

std::byte* map_memory() noexcept {
  void* const memory = ::mmap(nullptr, CellArena::kSize, kAccess,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<std::byte*>(memory);
}

std::byte* map_file() noexcept {
  void* const memory = ::mmap(nullptr, CellArena::kSize, kAccess, MAP_SHARED, file.descriptor(), 0);
  return memory == MAP_FAILED ? nullptr : static_cast<std::byte*>(memory);
}

bool move_over(std::byte* from, std::byte* to) noexcept {
  constexpr std::size_t kSize = CellArena::kSize;
  return ::mremap(from, kSize, kSize, MREMAP_MAYMOVE | MREMAP_FIXED, to) != MAP_FAILED;
}

std::atomic_ref<std::uint32_t> size_at(std::byte* memory, std::size_t at) noexcept {
  return std::atomic_ref<std::uint32_t>(reinterpret_cast<CellRecord*>(memory + at)->size);
}

// Other threads go on counting: each word is read whole.
void copy_cells(std::byte* from, std::byte* to, std::size_t used) noexcept {
  for (std::size_t at = 0; at < used; at += sizeof(std::uint64_t)) {
    auto& word = *reinterpret_cast<std::uint64_t*>(from + at);
    const std::uint64_t value =
        std::atomic_ref<std::uint64_t>(word).load(std::memory_order_relaxed);
    std::memcpy(to + at, &value, sizeof value);
  }
}

void zero_cells(std::byte* memory, std::size_t used) noexcept {
  for (std::size_t at = CellArena::kHeader; at + sizeof(CellRecord) <= used;) {
    CellRecord head;
    std::memcpy(&head, memory + at, sizeof head);
    if (head.size == 0) break;
    if (head.ready == 1) std::memset(memory + at + head.cell, 0, head.size - head.cell);
    at += head.size;
  }
}

Status failed(std::string_view what, const std::string& directory, int why) {
  return Status(Cause::kLocalResource, std::string(what) + " in '" + directory +
                                           "' for the metrics: " + std::strerror(why));
}

}  // namespace

constinit CellArena cell_detail::arena;

std::byte* CellArena::memory() noexcept {
  std::byte* memory = memory_.load(std::memory_order_acquire);
  if (memory) return memory;
  std::byte* const fresh = map_memory();
  if (!fresh) return nullptr;
  const CellHeader header;
  std::memcpy(fresh, &header, sizeof header);
  if (memory_.compare_exchange_strong(memory, fresh, std::memory_order_acq_rel)) return fresh;
  ::munmap(fresh, kSize);
  return memory;
}

bool CellArena::back(std::size_t size) noexcept {
  std::size_t backed = backed_.load(std::memory_order_acquire);
  if (size <= backed) return true;
  const std::size_t wanted = stepped(size);
  if (size > wanted || !file.grow(wanted)) return false;
  while (backed < wanted && !backed_.compare_exchange_weak(backed, wanted)) {
  }
  return true;
}

void* CellArena::place(std::string_view record) noexcept {
  struct Placing {
    explicit Placing(std::atomic<int>& count) noexcept : count_(count) { ++count_; }
    ~Placing() { --count_; }
    std::atomic<int>& count_;
  } const placing(placing_);
  if (sharing_.load()) return nullptr;
  std::byte* const memory = this->memory();
  if (!memory) return nullptr;

  CellRecord head;
  std::memcpy(&head, record.data(), sizeof head);
  std::size_t at = used_.load(std::memory_order_acquire);
  while (true) {
    if (!back(at + head.size)) return nullptr;
    std::uint32_t size = 0;
    const bool mine = size_at(memory, at).compare_exchange_strong(size, head.size);
    // Whoever comes first moves the end on: a thread that is gone, in a child, may not have.
    std::size_t end = at;
    const std::size_t next = at + (mine ? head.size : size);
    used_.compare_exchange_strong(end, next, std::memory_order_acq_rel);
    if (mine) break;
    at = next;
  }
  std::byte* const target = memory + at;
  constexpr std::size_t kText = offsetof(CellRecord, kind);
  std::memcpy(target + kText, record.data() + kText, head.cell - kText);
  auto* const written = reinterpret_cast<CellRecord*>(target);
  std::atomic_ref<std::uint32_t>(written->ready).store(1, std::memory_order_release);
  return target + head.cell;
}

Status CellArena::share(const std::string& directory, Gauge& alive) {
  if (sharing_.exchange(true)) {
    return Status(Cause::kBadArgument, "the metrics are being shared by another thread");
  }
  while (placing_.load() != 0) ::sched_yield();
  struct End {
    explicit End(std::atomic<bool>& sharing) noexcept : sharing_(sharing) {}
    ~End() { sharing_ = false; }
    std::atomic<bool>& sharing_;
  } const end(sharing_);

  std::byte* const memory = this->memory();
  if (!memory) return failed("no memory", directory, ENOMEM);
  if (!handler_registered.exchange(true) &&
      pthread_atfork(nullptr, nullptr, [] { after_fork_in_child(); }) != 0) {
    handler_registered = false;
    return failed("no memory", directory, ENOMEM);
  }
  if (!file.set_directory(directory)) return failed("no file", directory, ENAMETOOLONG);
  const std::size_t used = used_.load(), size = stepped(used);
  if (const int why = file.make(size); why != 0) return failed("no file", directory, why);
  std::byte* const fresh = map_file();
  int why = fresh ? 0 : errno;
  if (fresh) {
    copy_cells(memory, fresh, used);
    why = file.show();
  }
  if (why != 0) {
    if (fresh) ::munmap(fresh, kSize);
    file.discard();
    return failed("no file", directory, why);
  }
  alive_ = &alive;
  shared_ = true;  // before it is: a child that is forked in between must not count into the file
  backed_ = size;
  if (!move_over(fresh, memory)) {
    const int reason = errno;
    shared_ = false;
    backed_ = kSize;
    ::munmap(fresh, kSize);
    file.leave_to_parent();
    return failed("no mapping", directory, reason);
  }
  alive.set(1);
  return Status();
}

void CellArena::after_fork_in_child() noexcept { global().move_to_own_file(); }

void CellArena::move_to_own_file() noexcept {
  placing_ = 0;
  sharing_ = false;
  if (!shared_.load()) return;
  file.leave_to_parent();
  const std::size_t used = used_.load();
  std::size_t backed = stepped(used);
  std::byte* const memory = memory_.load();
  std::byte* fresh = nullptr;
  if (file.make(backed) == 0) {
    fresh = map_file();
    if (!fresh) file.discard();
  }
  bool has_file = fresh != nullptr;
  if (!has_file) {
    fresh = map_memory();
    backed = kSize;
  }
  if (!fresh) return;  // not even memory: nothing is left to do but to count on with the parent
  std::memcpy(fresh, memory, used);
  zero_cells(fresh, used);
  if (has_file) has_file = file.show() == 0;
  shared_ = has_file;
  backed_ = backed;
  if (move_over(fresh, memory)) alive_->set(1);
}

std::string CellArena::directory() const { return shared_.load() ? file.directory() : ""; }
std::string CellArena::file_name() const { return shared_.load() ? file.name() : ""; }

}  // namespace tidegate::internal
