// SPDX-License-Identifier: Apache-2.0
//
// Evictor: in which order the entries of a shard go when it is full.
//
//   Clock-TinyLFU  a new key enters the window, a FIFO. What falls out of it is a candidate for the
//                  main queue, a FIFO that a hand goes round (CLOCK). The hand takes the first entry
//                  without a use since it last came by; the others lose a use, which the sketch
//                  remembers. The candidate stays if it was used twice in the window or is seen clearly
//                  more often than the hand's entry; else it goes. Once more is clearly until the
//                  sketch is halved for the first time; then it is tried (admission_trial.hpp). A hit
//                  counts a use, and nothing else.
//                  The window has a share of the entries and of the bytes, which follows the hit
//                  ratio (window_climber.hpp).
//   strict LRU     one queue in the order of the last use.
//
// Either way what is over goes first where the hand finds it. Each call does a bounded number of
// steps. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/ports/rng.hpp"
#include "cache/admission_trial.hpp"
#include "cache/early_returns.hpp"
#include "cache/entry_queue.hpp"
#include "cache/sketch.hpp"
#include "cache/window_climber.hpp"
#include "tidegate/cache.hpp"

namespace tidegate::internal {

struct Capacity {
  std::size_t entries;
  std::size_t bytes;
};

class Evictor {
 public:
  Evictor(const Capacity& capacity, Eviction policy, std::uint64_t seed, Slab& slab);

  std::size_t entries() const noexcept { return window_.size() + main_.size(); }
  std::size_t bytes() const noexcept { return bytes_; }
  // REQUIRES: not empty.
  EntryId first() const noexcept { return window_.empty() ? main_.first() : window_.first(); }

  void used(EntryId id) noexcept {
    if (is_lru_) {
      window_.remove(slab_, id);
      window_.push_back(slab_, id);
    } else {
      Entry& entry = slab_[id];
      if (entry.uses < kMostUses) entry.uses = (entry.uses + 1) & kMostUses;
    }
  }

  // A key is wanted that is not here: what was asked for and found until now.
  void wanted(std::uint32_t hash, std::uint64_t requests, std::uint64_t hits) noexcept;
  // Which entry goes next. REQUIRES: not empty.
  EntryId victim(Ticks now, std::uint64_t floor) noexcept;
  void add(EntryId id) noexcept;
  void remove(EntryId id) noexcept;
  // It has another value now.
  void rewritten(EntryId id, std::uint32_t weight) noexcept;

  // Every entry, in no order that means anything.
  template <class F>
  void for_each(F visit) const {
    for (const Queue* const queue : {&window_, &main_}) {
      for (EntryId id = queue->first(); id != kNoEntry; id = slab_[id].next) visit(id);
    }
  }

  std::size_t overhead_bytes() const noexcept { return sketch_.bytes(); }

 private:
  static constexpr Ticks kMostUses = 3;
  using Queue = EntryQueue<&Entry::previous, &Entry::next>;

  void set_window() noexcept;
  bool window_is_full() const noexcept {
    return window_.size() >= window_most_.entries || window_bytes_ > window_most_.bytes;
  }
  EntryId under_the_hand(Ticks now, std::uint64_t floor) noexcept;
  bool wins(const Entry& candidate, const Entry& old) noexcept;
  void promote(EntryId id) noexcept;
  void remember(Entry& entry) noexcept;

  const Capacity capacity_;
  const bool is_lru_;
  Slab& slab_;
  Queue window_;
  Queue main_;
  std::size_t bytes_ = 0;
  std::size_t window_bytes_ = 0;
  Capacity window_most_{};
  std::uint64_t window_hits_ = 0;  // of those that have left the window
  FrequencySketch sketch_;
  WindowClimber climber_;
  EarlyReturns returns_;
  AdmissionTrial trial_;
  Rng rng_;
};

}  // namespace tidegate::internal
