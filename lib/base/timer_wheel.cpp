// SPDX-License-Identifier: Apache-2.0

#include "base/timer_wheel.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace tidegate::internal {

void TimerWheel::List::append(TimerNode& node) noexcept {
  node.prev_ = tail;
  node.next_ = nullptr;
  (tail == nullptr ? head : tail->next_) = &node;
  tail = &node;
}

void TimerWheel::List::remove(TimerNode& node) noexcept {
  (node.prev_ == nullptr ? head : node.prev_->next_) = node.next_;
  (node.next_ == nullptr ? tail : node.next_->prev_) = node.prev_;
}

void TimerWheel::arm(TimerNode& node, std::uint64_t when) noexcept {
  disarm(node);
  node.when_ = std::max(when, now_ + 1);
  node.sequence_ = ++sequence_;
  ++armed_count_;
  place(node);
}

bool TimerWheel::disarm(TimerNode& node) noexcept {
  if (!node.armed()) return false;
  if (node.level_ == TimerNode::kDue) {
    due_.remove(node);
  } else {
    List& list = slots_[node.level_][node.slot_];
    list.remove(node);
    if (list.head == nullptr) occupied_[node.level_] &= ~(std::uint64_t{1} << node.slot_);
  }
  node.level_ = TimerNode::kIdle;
  --armed_count_;
  return true;
}

std::optional<std::uint64_t> TimerWheel::next() const noexcept {
  return due_.head != nullptr ? now_ : next_in_wheel();
}

std::optional<std::uint64_t> TimerWheel::next_in_wheel() const noexcept {
  std::optional<std::uint64_t> least;
  for (unsigned level = 0; level < kLevels; ++level) {
    if (occupied_[level] == 0) continue;
    const unsigned shift = kBits * level;
    const std::uint64_t current = now_ >> shift;
    // After the rotation bit 0 stands for the slot after the current one, bit 63 for the current.
    const int turn = static_cast<int>((current + 1) % kSlots);
    const auto ahead = static_cast<unsigned>(std::countr_zero(std::rotr(occupied_[level], turn)));
    const std::uint64_t start = (current + 1 + ahead) << shift;
    if (!least || start < *least) least = start;
  }
  return least;
}

// REQUIRES: node.when_ > now_, or this is reach(), which takes what is due out of the list.
void TimerWheel::place(TimerNode& node) noexcept {
  constexpr std::uint64_t kFarthest = (std::uint64_t{1} << (kBits * kLevels)) - 1;
  const std::uint64_t away = std::min(node.when_ - now_, kFarthest);
  unsigned level = 0;
  while ((away >> (kBits * (level + 1))) != 0) ++level;
  const auto slot = static_cast<std::uint8_t>(((now_ + away) >> (kBits * level)) % kSlots);
  node.level_ = static_cast<std::uint8_t>(level);
  node.slot_ = slot;
  slots_[level][slot].append(node);
  occupied_[level] |= std::uint64_t{1} << slot;
}

void TimerWheel::advance(std::uint64_t now) noexcept {
  if (now <= now_) return;
  for (auto tick = next_in_wheel(); tick && *tick <= now; tick = next_in_wheel()) reach(*tick);
  now_ = now;
}

void TimerWheel::reach(std::uint64_t tick) noexcept {
  now_ = tick;
  List ready;
  for (unsigned level = kLevels; level-- > 0;) {
    const unsigned shift = kBits * level;
    if ((tick & ((std::uint64_t{1} << shift) - 1)) != 0) continue;  // not at the start of a slot
    const std::size_t slot = (tick >> shift) % kSlots;
    List moved = std::exchange(slots_[level][slot], List());
    occupied_[level] &= ~(std::uint64_t{1} << slot);
    while (moved.head != nullptr) {
      TimerNode& node = *moved.head;
      moved.remove(node);
      if (node.when_ <= tick) {
        node.level_ = TimerNode::kDue;
        ready.append(node);
      } else {
        place(node);
      }
    }
  }
  sort_by_sequence(ready);
  while (ready.head != nullptr) {
    TimerNode& node = *ready.head;
    ready.remove(node);
    due_.append(node);
  }
}

// Merges ascending runs until one is left. A tick's list is nearly always one run already: its
// nodes stand in the order of arming except where some came down from a higher level.
void TimerWheel::sort_by_sequence(List& list) noexcept {
  const auto take_run = [](List& from) {
    List run;
    do {
      TimerNode& node = *from.head;
      from.remove(node);
      run.append(node);
    } while (from.head != nullptr && from.head->sequence_ > run.tail->sequence_);
    return run;
  };
  while (true) {
    List merged;
    int runs = 0;
    while (list.head != nullptr) {
      List a = take_run(list);
      List b = list.head != nullptr ? take_run(list) : List();
      while (a.head != nullptr || b.head != nullptr) {
        const bool from_a =
            b.head == nullptr || (a.head != nullptr && a.head->sequence_ < b.head->sequence_);
        List& source = from_a ? a : b;
        TimerNode& node = *source.head;
        source.remove(node);
        merged.append(node);
      }
      ++runs;
    }
    list = merged;
    if (runs <= 1) return;
  }
}

TimerNode* TimerWheel::take_due() noexcept {
  TimerNode* node = due_.head;
  if (node != nullptr) disarm(*node);
  return node;
}

}  // namespace tidegate::internal
