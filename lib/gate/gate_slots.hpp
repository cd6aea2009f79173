// SPDX-License-Identifier: Apache-2.0
//
// GateSlots: how many are inside a gate, how many wait before it, and whether the gate is done with,
// in one word.
//
// That it is one word decides the races between a newcomer, a release and one that begins to wait:
//   * try_take() lets in only where nobody waits, so that nobody is overtaken;
//   * give_back() sees everybody who began to wait before it, and says so; who begins to wait after
//     it sees the slot. So no release is missed.
//   * of those inside a gate that is done with, exactly one is told that it was the last.
// Whoever is at the head of the line counts as waiting until its call starts.
//
// Thread-safety: everything, any thread. Nothing allocates.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace tidegate::internal {

class alignas(64) GateSlots {
 public:
  static constexpr std::uint32_t kNoLimit = 0xffff'ffff;

  explicit GateSlots(std::uint32_t limit) noexcept : limit_(limit) {}

  std::uint32_t limit() const noexcept { return limit_.load(std::memory_order_relaxed); }
  void set_limit(std::uint32_t limit) noexcept { limit_.store(limit, std::memory_order_relaxed); }
  std::size_t inside() const noexcept { return inside_of(word_.load(std::memory_order_relaxed)); }
  std::size_t waiting() const noexcept { return waiting_of(word_.load(std::memory_order_relaxed)); }

  // A slot, where one is free and nobody waits.
  bool try_take() noexcept {
    return change([](std::uint64_t word) { return waiting_of(word) == 0; }, kInside);
  }
  // The same for who has to count as waiting until its call starts.
  bool try_take_and_join() noexcept {
    return change([](std::uint64_t word) { return waiting_of(word) == 0; }, kInside + kWaiting);
  }
  // A slot for one who waits, where one is free.
  bool take() noexcept {
    return change([](std::uint64_t) { return true; }, kInside);
  }
  // Whether somebody waits, who may have it now.
  bool give_back() noexcept {
    return waiting_of(word_.fetch_sub(kInside, std::memory_order_acq_rel)) > 0;
  }

  // The same for who knows the gate only by its slot: unless somebody waits, who has to be told by
  // somebody that is still inside.
  enum class GivenBack { kAwaited, kDone, kLast };
  GivenBack give_back_unawaited() noexcept {
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    do {
      if (waiting_of(word) > 0) return GivenBack::kAwaited;
    } while (!word_.compare_exchange_weak(word, word - kInside, std::memory_order_acq_rel,
                                          std::memory_order_relaxed));
    return word == kAbandoned + kInside ? GivenBack::kLast : GivenBack::kDone;
  }

  // Nobody comes any more. Whether nobody is inside either.
  bool abandon() noexcept { return word_.fetch_or(kAbandoned, std::memory_order_acq_rel) == 0; }

  // Begins to wait, where fewer than `most` do.
  bool join(std::size_t most) noexcept {
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    do {
      if (waiting_of(word) >= most) return false;
    } while (!word_.compare_exchange_weak(word, word + kWaiting, std::memory_order_acq_rel,
                                          std::memory_order_relaxed));
    return true;
  }
  // Waits no longer.
  void leave() noexcept { word_.fetch_sub(kWaiting, std::memory_order_acq_rel); }

 private:
  static constexpr std::uint64_t kInside = 1;
  static constexpr std::uint64_t kWaiting = std::uint64_t{1} << 32U;
  static constexpr std::uint64_t kAbandoned = std::uint64_t{1} << 63U;

  static std::uint32_t inside_of(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(word);
  }
  static std::uint32_t waiting_of(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>((word & ~kAbandoned) >> 32U);
  }

  template <class May>
  bool change(May may, std::uint64_t by) noexcept {
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    do {
      if (inside_of(word) >= limit() || !may(word)) return false;
    } while (!word_.compare_exchange_weak(word, word + by, std::memory_order_acq_rel,
                                          std::memory_order_relaxed));
    return true;
  }

  std::atomic<std::uint64_t> word_{0};
  std::atomic<std::uint32_t> limit_;
};

}  // namespace tidegate::internal
