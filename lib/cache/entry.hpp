// SPDX-License-Identifier: Apache-2.0
//
// Entry: one value at rest, in 80 bytes; and Slab: where the entries of a shard live. Entries are
// named by 32-bit numbers, which stay as long as the entry does; memory comes in pieces and is
// reused, never moved. Times are in milliseconds since the store was made, 49 days at most.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace tidegate::internal {

using EntryId = std::uint32_t;
inline constexpr EntryId kNoEntry = 0xffffffff;

struct Entry {
  std::uint64_t hash;
  std::uint64_t version;
  void* value;
  char* key;
  std::uint32_t key_size;
  std::uint32_t weight;
  std::uint32_t stored_at;
  std::uint32_t fresh_until;
  std::uint32_t stale_until;
  std::uint32_t sliding;
  std::uint32_t epoch;
  EntryId previous, next;              // in its queue
  EntryId wheel_previous, wheel_next;  // among those that end in the same second
  std::uint16_t bucket;
  std::uint8_t user_flags;
  std::uint8_t uses : 2;  // since the queue's hand last came by
  std::uint8_t in_main : 1;
  std::uint8_t claimed : 1;
};

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
