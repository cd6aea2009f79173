// SPDX-License-Identifier: Apache-2.0
//
// EntryIndex: from a key to its entry. Open addressing with linear probing; a removal moves the
// followers up, so that there are no tombstones and a lookup ends at the first free place. Seven
// eighths full at most. A place holds eight bits of the hash beside the entry's number, so that a
// lookup reads no entries but those that are very likely the one.
//
// It grows into a table of twice the size, which is cleared a few places with each new key before it
// is needed, and the entries follow in the same way, since each costs a read of the entry. Until then
// the old table is looked through where the new one has nothing; what has left it leaves a tombstone,
// as nothing new comes there. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "cache/slab.hpp"

namespace tidegate::internal {

class EntryIndex {
 public:
  // Places of the next table that one key clears, at most, but for tables of a few hundred.
  static constexpr std::size_t kClearedAtOnce = 64;

  // For at most so many entries: a table that is large enough for them makes no other.
  explicit EntryIndex(std::size_t most = ~std::size_t{0}) noexcept : most_(most) {}

  EntryId find(const Slab& slab, std::string_view key, std::uint32_t hash) const noexcept {
    const EntryId id = find_in(table_, slab, key, hash);
    if (id != kNoEntry || old_.empty()) return id;
    return find_in(old_, slab, key, hash);
  }

  // Makes sure that the next insert() finds a place. May throw std::bad_alloc.
  void reserve_one(const Slab& slab) {
    move_some(slab);
    if (is_fuller_than(13) && most_ >= table_.size() / 8 * 7) clear_some();
    if (!is_fuller_than(14)) return;
    do clear_some();
    while (uncleared() > 0);
    old_ = std::exchange(table_, std::exchange(next_, Table()));
    unmoved_ = old_.size();
    cleared_ = 0;
  }
  // REQUIRES: id < Slab::kMostEntries.
  void insert(EntryId id, std::uint32_t hash) noexcept {
    put(id, hash);
    ++size_;
  }

  void remove(const Slab& slab, EntryId id) noexcept {
    const std::uint32_t hash = slab[id].hash;
    const std::size_t at = place_of(table_, id, hash);
    if (table_[at] == kFree) {
      old_[place_of(old_, id, hash)] = kGone;
    } else {
      close_hole(slab, at);
    }
    --size_;
  }

  std::size_t bytes() const noexcept {
    return (table_.size() + old_.size() + next_.size()) * sizeof(std::uint32_t);
  }
  // Places of the next table that are still to be cleared; 0 where there is none.
  std::size_t uncleared() const noexcept { return next_.size() - cleared_; }

 private:
  class Table {
   public:
    Table() noexcept = default;
    // Its places are anything.
    explicit Table(std::size_t size)
        : places_(std::make_unique_for_overwrite<std::uint32_t[]>(size)), size_(size) {}
    Table(Table&& other) noexcept
        : places_(std::move(other.places_)), size_(std::exchange(other.size_, 0)) {}
    Table& operator=(Table&& other) noexcept {
      places_ = std::move(other.places_);
      size_ = std::exchange(other.size_, 0);
      return *this;
    }
    std::uint32_t& operator[](std::size_t at) noexcept { return places_[at]; }
    std::uint32_t operator[](std::size_t at) const noexcept { return places_[at]; }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }

   private:
    std::unique_ptr<std::uint32_t[]> places_;
    std::size_t size_ = 0;
  };

  // By so many sixteenths, with one more.
  bool is_fuller_than(std::size_t sixteenths) const noexcept {
    return 16 * (size_ + 1) > sixteenths * table_.size();
  }
  void clear_some() {
    if (next_.empty()) next_ = Table(std::max<std::size_t>(16, 2 * table_.size()));
    const std::size_t end = std::min(cleared_ + kClearedAtOnce, next_.size());
    while (cleared_ < end) next_[cleared_++] = kFree;
  }

  static std::size_t home(const Table& table, std::uint32_t hash) noexcept {
    return hash & (table.size() - 1);
  }
  static std::size_t after(const Table& table, std::size_t at) noexcept {
    return (at + 1) & (table.size() - 1);
  }
  static EntryId find_in(const Table& table, const Slab& slab, std::string_view key,
                         std::uint32_t hash) noexcept {
    if (table.empty()) return kNoEntry;
    for (std::size_t at = home(table, hash);; at = after(table, at)) {
      const std::uint32_t place = table[at];
      if (place == kFree) return kNoEntry;
      if (((place ^ hash) & kTag) != 0 || place == kGone) continue;
      const Entry& entry = slab[place & kId];
      if (entry.hash == hash && entry.key() == key) return place & kId;
    }
  }
  // Or the free place that says that it is not there.
  static std::size_t place_of(const Table& table, EntryId id, std::uint32_t hash) noexcept {
    std::size_t at = home(table, hash);
    while (table[at] != kFree && (table[at] & kId) != id) at = after(table, at);
    return at;
  }

  void put(EntryId id, std::uint32_t hash) noexcept {
    std::size_t at = home(table_, hash);
    while (table_[at] != kFree) at = after(table_, at);
    table_[at] = (hash & kTag) | id;
  }
  void close_hole(const Slab& slab, std::size_t hole) noexcept {
    const std::size_t mask = table_.size() - 1;
    for (std::size_t at = after(table_, hole); table_[at] != kFree; at = after(table_, at)) {
      const std::size_t wanted = home(table_, slab[table_[at] & kId].hash);
      const bool may_move = ((at - wanted) & mask) >= ((at - hole) & mask);
      if (may_move) table_[std::exchange(hole, at)] = table_[at];
    }
    table_[hole] = kFree;
  }
  // Two places for each new key would do for the old table to be empty before this one is full.
  void move_some(const Slab& slab) noexcept {
    for (std::size_t i = std::min(unmoved_, kMovedAtOnce); i > 0; --i) {
      std::uint32_t& place = old_[--unmoved_];
      if (place == kFree || place == kGone) continue;
      const EntryId id = std::exchange(place, kGone) & kId;
      put(id, slab[id].hash);
    }
    if (unmoved_ == 0 && !old_.empty()) old_ = Table();
  }

  static constexpr std::size_t kMovedAtOnce = 16;
  static constexpr std::uint32_t kId = Slab::kMostEntries;
  static constexpr std::uint32_t kTag = ~kId;
  static constexpr std::uint32_t kFree = 0xffffffff;
  static constexpr std::uint32_t kGone = kId;  // no entry has that number
  const std::size_t most_;
  Table table_;
  Table old_;
  Table next_;
  std::size_t cleared_ = 0;  // the first places of next_
  std::size_t unmoved_ = 0;  // so many of the first places of old_ are still to be moved
  std::size_t size_ = 0;     // of both
};

}  // namespace tidegate::internal
