// SPDX-License-Identifier: Apache-2.0
//
// Entry: one value at rest, in 72 bytes; and Slab: where the entries of a shard live. Entries are
// named by 32-bit numbers, which stay as long as the entry does; memory comes in pieces and is
// reused, never moved.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace tidegate::internal {

using EntryId = std::uint32_t;
inline constexpr EntryId kNoEntry = 0xffffffff;

// A time in milliseconds since the store was made: 40 bits, which is 34 years.
using Ticks = std::uint64_t;
inline constexpr Ticks kLastTick = (Ticks{1} << 40) - 1;
inline constexpr std::size_t kMostKeyBytes = (std::size_t{1} << 24) - 1;

struct Entry {
  std::uint64_t version;
  void* value;
  char* key;
  std::uint32_t hash;  // the low half
  std::uint32_t weight;
  EntryId previous, next;              // in its queue
  EntryId wheel_previous, wheel_next;  // among those that end in the same second
  Ticks stored_at : 40;
  Ticks bucket : 9;
  Ticks user_flags : 8;
  Ticks uses : 2;  // since the queue's hand last came by
  Ticks in_main : 1;
  Ticks claimed : 1;
  Ticks slides : 1;  // each hit makes it fresh for `life` again
  Ticks fresh_until : 40;
  Ticks key_size : 24;
  Ticks stale_until : 40;
  Ticks life : 24;  // of a sliding entry, in steps of kLifeStep, rounded up
};
static_assert(sizeof(Entry) == 72);
inline constexpr Ticks kLifeStep = 64;  // 12 days at most; longer is 12 days

class Slab {
 public:
  Entry& operator[](EntryId id) noexcept { return (*pieces_[id / kPiece])[id % kPiece]; }
  const Entry& operator[](EntryId id) const noexcept {
    return (*pieces_[id / kPiece])[id % kPiece];
  }

  // Makes sure that the next take() finds a place. May throw std::bad_alloc.
  void reserve_one() {
    if (free_ != kNoEntry || used_ < pieces_.size() * kPiece) return;
    pieces_.push_back(std::make_unique<Piece>());
  }
  EntryId take() noexcept {
    if (free_ == kNoEntry) return used_++;
    const EntryId id = free_;
    free_ = (*this)[id].next;
    return id;
  }
  void give_back(EntryId id) noexcept {
    (*this)[id].next = free_;
    free_ = id;
  }
  std::size_t bytes() const noexcept { return pieces_.size() * sizeof(Piece); }

 private:
  static constexpr EntryId kPiece = 128;
  using Piece = std::array<Entry, kPiece>;
  std::vector<std::unique_ptr<Piece>> pieces_;
  EntryId used_ = 0;
  EntryId free_ = kNoEntry;
};

// A queue of entries by two of their links.
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
