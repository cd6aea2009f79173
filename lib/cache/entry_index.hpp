// SPDX-License-Identifier: Apache-2.0
//
// EntryIndex: from a key to its entry. Open addressing with linear probing; a removal moves the
// followers up, so that there are no tombstones and a lookup ends at the first free place. Half
// full at most. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "cache/entry.hpp"

namespace tidegate::internal {

class EntryIndex {
 public:
  EntryId find(const Slab& slab, std::string_view key, std::uint64_t hash) const noexcept {
    if (places_.empty()) return kNoEntry;
    for (std::size_t at = home(hash);; at = after(at)) {
      const EntryId id = places_[at];
      if (id == kNoEntry) return kNoEntry;
      const Entry& entry = slab[id];
      if (entry.hash == hash && std::string_view(entry.key, entry.key_size) == key) return id;
    }
  }

  // Makes sure that the next insert() finds a place. May throw std::bad_alloc.
  void reserve_one(const Slab& slab) {
    if (2 * (size_ + 1) <= places_.size()) return;
    std::vector<EntryId> old(std::max<std::size_t>(16, 2 * places_.size()), kNoEntry);
    old.swap(places_);
    for (const EntryId id : old) {
      if (id != kNoEntry) place(id, slab[id].hash);
    }
  }
  void insert(EntryId id, std::uint64_t hash) noexcept {
    place(id, hash);
    ++size_;
  }

  void remove(const Slab& slab, EntryId id) noexcept {
    std::size_t hole = home(slab[id].hash);
    while (places_[hole] != id) hole = after(hole);
    for (std::size_t at = after(hole); places_[at] != kNoEntry; at = after(at)) {
      const std::size_t wanted = home(slab[places_[at]].hash);
      const bool may_move = ((at - wanted) & mask()) >= ((at - hole) & mask());
      if (may_move) places_[std::exchange(hole, at)] = places_[at];
    }
    places_[hole] = kNoEntry;
    --size_;
  }

  std::size_t bytes() const noexcept { return places_.size() * sizeof(EntryId); }

 private:
  std::size_t mask() const noexcept { return places_.size() - 1; }
  std::size_t home(std::uint64_t hash) const noexcept {
    return static_cast<std::size_t>(hash) & mask();
  }
  std::size_t after(std::size_t at) const noexcept { return (at + 1) & mask(); }
  void place(EntryId id, std::uint64_t hash) noexcept {
    std::size_t at = home(hash);
    while (places_[at] != kNoEntry) at = after(at);
    places_[at] = id;
  }

  std::vector<EntryId> places_;
  std::size_t size_ = 0;
};

}  // namespace tidegate::internal
