// SPDX-License-Identifier: Apache-2.0
//
// EntryQueue: entries of a slab in a row, by two of their links. Not thread-safe.
#pragma once

#include <cstdint>

#include "cache/slab.hpp"

namespace tidegate::internal {

template <EntryId Entry::* Previous, EntryId Entry::* Next>
class EntryQueue {
 public:
  bool empty() const noexcept { return first_ == kNoEntry; }
  EntryId first() const noexcept { return first_; }
  std::uint32_t size() const noexcept { return size_; }

  void push_back(Slab& slab, EntryId id) noexcept {
    Entry& entry = slab[id];
    entry.*Previous = last_;
    entry.*Next = kNoEntry;
    (last_ == kNoEntry ? first_ : slab[last_].*Next) = id;
    last_ = id;
    ++size_;
  }
  void remove(Slab& slab, EntryId id) noexcept {
    const Entry& entry = slab[id];
    (entry.*Previous == kNoEntry ? first_ : slab[entry.*Previous].*Next) = entry.*Next;
    (entry.*Next == kNoEntry ? last_ : slab[entry.*Next].*Previous) = entry.*Previous;
    --size_;
  }

 private:
  EntryId first_ = kNoEntry;
  EntryId last_ = kNoEntry;
  std::uint32_t size_ = 0;
};

}  // namespace tidegate::internal
