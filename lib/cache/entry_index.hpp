// SPDX-License-Identifier: Apache-2.0
//
// EntryIndex: from a key to its entry. Open addressing with linear probing; a removal moves the
// followers up, so that there are no tombstones and a lookup ends at the first free place. Seven
// eighths full at most. A place holds eight bits of the hash beside the entry's number, so that a
// lookup reads no entries but those that are very likely the one. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "cache/slab.hpp"

namespace tidegate::internal {

class EntryIndex {
 public:
  EntryId find(const Slab& slab, std::string_view key, std::uint32_t hash) const noexcept {
    if (places_.empty()) return kNoEntry;
    for (std::size_t at = home(hash);; at = after(at)) {
      const std::uint32_t place = places_[at];
      if (place == kFree) return kNoEntry;
      if (((place ^ hash) & kTag) != 0) continue;
      const Entry& entry = slab[place & kId];
      if (entry.hash == hash && entry.key() == key) return place & kId;
    }
  }

  // Makes sure that the next insert() finds a place. May throw std::bad_alloc.
  void reserve_one(const Slab& slab) {
    if (8 * (size_ + 1) <= 7 * places_.size()) return;
    std::vector<std::uint32_t> old(std::max<std::size_t>(16, 2 * places_.size()), kFree);
    old.swap(places_);
    for (const std::uint32_t place : old) {
      if (place != kFree) put(place & kId, slab[place & kId].hash);
    }
  }
  // REQUIRES: id < Slab::kMostEntries.
  void insert(EntryId id, std::uint32_t hash) noexcept {
    put(id, hash);
    ++size_;
  }

  void remove(const Slab& slab, EntryId id) noexcept {
    std::size_t hole = home(slab[id].hash);
    while ((places_[hole] & kId) != id) hole = after(hole);
    for (std::size_t at = after(hole); places_[at] != kFree; at = after(at)) {
      const std::size_t wanted = home(slab[places_[at] & kId].hash);
      const bool may_move = ((at - wanted) & mask()) >= ((at - hole) & mask());
      if (may_move) places_[std::exchange(hole, at)] = places_[at];
    }
    places_[hole] = kFree;
    --size_;
  }

  std::size_t bytes() const noexcept { return places_.size() * sizeof(std::uint32_t); }

 private:
  std::size_t mask() const noexcept { return places_.size() - 1; }
  std::size_t home(std::uint32_t hash) const noexcept { return hash & mask(); }
  std::size_t after(std::size_t at) const noexcept { return (at + 1) & mask(); }
  void put(EntryId id, std::uint32_t hash) noexcept {
    std::size_t at = home(hash);
    while (places_[at] != kFree) at = after(at);
    places_[at] = (hash & kTag) | id;
  }

  static constexpr std::uint32_t kId = Slab::kMostEntries;
  static constexpr std::uint32_t kTag = ~kId;
  static constexpr std::uint32_t kFree = 0xffffffff;
  std::vector<std::uint32_t> places_;
  std::size_t size_ = 0;
};

}  // namespace tidegate::internal
