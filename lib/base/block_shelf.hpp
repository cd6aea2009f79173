// SPDX-License-Identifier: Apache-2.0
//
// BlockShelf<Size, Most>: blocks of one size for objects that are made on one thread and let go of on
// another. There malloc is at its worst: a block goes back to the arena of the thread that made it,
// under that arena's lock, for which either thread then sleeps. Here it lies ready for whoever comes
// next.
//
//   static BlockShelf<sizeof(Fetch), 128> shelf;                  // constinit, never destroyed
//   void* operator new(std::size_t size) { return size == sizeof(Fetch) ? shelf.take() : … }
//
// At most `Most` blocks are kept, for the life of the process; all others are malloc's. A mark is
// set for the few instructions in which a thread takes or puts; who finds it set does not wait but
// goes to malloc, so that nothing here can block, and a child that was forked while it was set
// merely has no shelf. Under AddressSanitizer nothing is kept: it is to see who uses what is gone.
//
// Thread-safety: any thread. Cost: two atomic exchanges.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <new>

namespace tidegate::internal {

template <std::size_t Size, std::size_t Most>
class BlockShelf {
 public:
  constexpr BlockShelf() noexcept = default;
  BlockShelf(const BlockShelf&) = delete;
  BlockShelf& operator=(const BlockShelf&) = delete;

  void* take() {
    void* block = nullptr;
    if (enter()) {
      if (count_ > 0) block = blocks_[--count_];
      leave();
    }
    return block ? block : ::operator new(Size);
  }

  // Never inlined: gcc, where it sees a class's operator new and this one's delete in one function,
  // takes them for a pair that does not match.
  [[gnu::noinline]] void put(void* block) noexcept {
    bool is_kept = false;
    if (kKeeps && enter()) {
      is_kept = count_ < Most;
      if (is_kept) blocks_[count_++] = block;
      leave();
    }
    if (!is_kept) ::operator delete(block);
  }

 private:
#if defined(__SANITIZE_ADDRESS__)
  static constexpr bool kKeeps = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
  static constexpr bool kKeeps = false;
#else
  static constexpr bool kKeeps = true;
#endif
#else
  static constexpr bool kKeeps = true;
#endif

  bool enter() noexcept { return !taken_.exchange(true, std::memory_order_acquire); }
  void leave() noexcept { taken_.store(false, std::memory_order_release); }

  std::atomic<bool> taken_{false};
  std::size_t count_ = 0;
  std::array<void*, Most> blocks_{};
};

}  // namespace tidegate::internal
