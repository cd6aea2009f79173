// SPDX-License-Identifier: Apache-2.0
//
// Slab: where the entries of a shard live, each with its key behind it: no allocation a key, and a
// lookup finds both together. Memory comes in pieces of entries with room for the same length of
// key, in steps of 8 bytes to 64; it is reused, never moved and never given back.
//
// A longer key has a block of its own. So has one for whose length there is no place while an eighth
// of all places is free: it takes one of those, so that keys that become longer or shorter do not
// leave the places of the others behind as waste.
//
// Not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "cache/entry.hpp"

namespace tidegate::internal {

class Slab {
 public:
  // Their numbers are below it, if at most seven eighths of so many live.
  static constexpr EntryId kMostEntries = (EntryId{1} << 24) - 1;

  Entry& operator[](EntryId id) const noexcept {
    const Piece& piece = pieces_[id / kPiece];
    return *reinterpret_cast<Entry*>(piece.memory.get() + std::size_t{id % kPiece} * piece.stride);
  }

  // A new entry with that key, all else zero. May throw std::bad_alloc.
  EntryId take(std::string_view key);
  void give_back(EntryId id) noexcept;

  // All that it takes, without the bytes of the keys.
  std::size_t overhead_bytes() const noexcept;

 private:
  static constexpr EntryId kPiece = 128;
  static constexpr std::size_t kStep = 8;
  static constexpr std::size_t kLengths = 8;

  struct Piece {
    std::unique_ptr<std::byte[]> memory;
    std::uint32_t stride;
  };
  struct Places {  // for keys of one length
    EntryId free = kNoEntry;
    EntryId unused = 0;  // from here to `end` in the newest piece
    EntryId end = 0;
    bool empty() const noexcept { return free == kNoEntry && unused == end; }
  };

  static constexpr std::size_t room(std::size_t length) noexcept { return kStep * (length + 1); }
  std::size_t length_for(std::size_t key_size);
  void grow(std::size_t length);

  std::vector<Piece> pieces_;
  std::array<Places, kLengths> places_;
  EntryId live_ = 0;
  std::size_t piece_bytes_ = 0;
  std::size_t block_bytes_ = 0;  // of keys outside, as malloc rounds them
  std::size_t key_bytes_ = 0;
};

}  // namespace tidegate::internal
