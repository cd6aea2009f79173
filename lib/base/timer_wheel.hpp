// SPDX-License-Identifier: Apache-2.0
//
// TimerWheel: many timers, of which most are disarmed before they are due. Five levels of 64 slots
// with a 64-bit map of the occupied ones; arming and disarming are a few instructions however many
// timers there are, and nothing is ever allocated.
//
//   struct Wait : TimerNode { … };
//   wheel.arm(wait, now + 15'000);                        // ticks: what a tick is, the owner says
//   sleep until wheel.next();
//   wheel.advance(clock.now());
//   while (TimerNode* node = wheel.take_due()) static_cast<Wait*>(node)->fire();
//
// A timer is never due early, and late only as far as advance() comes late. Timers come out in the
// order of their ticks, and within one tick in the order in which they were armed. A far timer
// costs a few extra wake-ups, because next() is exact only for the 64 ticks that come next; there
// is no periodic one.
//
// Not thread-safe: the owner locks. Code that handles a due node may arm and disarm anything,
// itself and other due nodes too.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace tidegate::internal {

// Derive from it what shall be woken. It stays where it is as long as it is armed.
class TimerNode {
 public:
  TimerNode() noexcept = default;
  TimerNode(const TimerNode&) = delete;
  TimerNode& operator=(const TimerNode&) = delete;

  // From arm() until disarm() or take_due().
  bool armed() const noexcept { return level_ != kIdle; }
  // The tick at which it is, or last was, due.
  std::uint64_t when() const noexcept { return when_; }

 protected:
  ~TimerNode() { assert(!armed()); }

 private:
  friend class TimerWheel;
  static constexpr std::uint8_t kDue = 254;
  static constexpr std::uint8_t kIdle = 255;

  TimerNode* prev_ = nullptr;
  TimerNode* next_ = nullptr;
  std::uint64_t when_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint8_t level_ = kIdle;
  std::uint8_t slot_ = 0;
};

class TimerWheel {
 public:
  explicit TimerWheel(std::uint64_t now_tick) noexcept : now_(now_tick) {}
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Makes the node due at `when`; a tick that advance() has already reached becomes the next one,
  // so that a timer which arms itself again cannot keep take_due() busy for ever. An armed node is
  // moved.
  void arm(TimerNode& node, std::uint64_t when) noexcept;

  // True if it was armed, also where it was due but not yet taken.
  bool disarm(TimerNode& node) noexcept;

  // The tick to call advance() at: never later than the earliest timer, sometimes before it.
  // Nothing without a timer.
  std::optional<std::uint64_t> next() const noexcept;

  // Time has come to `now`: what is due by then can be taken. A `now` in the past does nothing.
  void advance(std::uint64_t now) noexcept;

  // The next node that is due, no longer armed; null when there is none.
  TimerNode* take_due() noexcept;

  // Due nodes that are not yet taken count too.
  std::size_t armed_count() const noexcept { return armed_count_; }

  // The tick that advance() has reached.
  std::uint64_t now() const noexcept { return now_; }

 private:
  static constexpr unsigned kLevels = 5;
  static constexpr unsigned kBits = 6;
  static constexpr unsigned kSlots = 1U << kBits;

  struct List {
    TimerNode* head = nullptr;
    TimerNode* tail = nullptr;
    void append(TimerNode& node) noexcept;
    void remove(TimerNode& node) noexcept;
  };

  std::optional<std::uint64_t> next_in_wheel() const noexcept;
  void place(TimerNode& node) noexcept;
  void reach(std::uint64_t tick) noexcept;
  static void sort_by_sequence(List& list) noexcept;

  // Invariants. A node of level l is in the slot of digit l of its time in base 64, its time is
  // beyond now_ and less than 64^(l+1) ticks away; the slot that now_ points at on a level l > 0
  // therefore means one full turn ahead. Times beyond the last level wait in its farthest slot. Bit
  // s of occupied_[l] is set exactly where slots_[l][s] is not empty. due_ is sorted by (time,
  // sequence); everything in it has a time of at most now_.
  std::uint64_t now_;
  std::uint64_t sequence_ = 0;
  std::size_t armed_count_ = 0;
  std::array<std::uint64_t, kLevels> occupied_{};
  std::array<std::array<List, kSlots>, kLevels> slots_{};
  List due_;
};

}  // namespace tidegate::internal
