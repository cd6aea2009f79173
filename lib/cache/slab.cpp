// SPDX-License-Identifier: Apache-2.0
#include "cache/slab.hpp"

#include <malloc.h>

#include <cstring>
#include <new>
#include <utility>

// Invariants
//   * an entry is live, or on the free list of its length by `next`, or from `unused` to `end`
//   * places for one length of key are pieces of one stride
namespace tidegate::internal {

namespace {

// What malloc takes for a block: rounding, and its own word.
std::size_t taken_by(void* block) noexcept {
  return ::malloc_usable_size(block) + sizeof(std::size_t);
}

}  // namespace

EntryId Slab::take(std::string_view key) {
  const std::size_t length = length_for(key.size());
  const bool fits = key.size() <= room(length);
  std::unique_ptr<char[]> block;
  if (!fits) block = std::make_unique_for_overwrite<char[]>(key.size());
  Places& places = places_[length];
  EntryId id = places.free;
  if (id == kNoEntry) {
    id = places.unused++;
  } else {
    places.free = (*this)[id].next;
  }
  Entry& entry = *new (&(*this)[id]) Entry{};
  entry.key_size = key.size() & kMostKeyBytes;
  entry.key_is_outside = !fits;
  char* at = reinterpret_cast<char*>(&entry + 1);
  if (!fits) {
    block_bytes_ += taken_by(block.get());
    char* const outside = block.release();
    std::memcpy(at, static_cast<const void*>(&outside), sizeof outside);
    at = outside;
  }
  if (!key.empty()) std::memcpy(at, key.data(), key.size());
  key_bytes_ += key.size();
  ++live_;
  return id;
}

void Slab::give_back(EntryId id) noexcept {
  Entry& entry = (*this)[id];
  key_bytes_ -= entry.key_size;
  if (entry.key_is_outside) {
    char* const block = const_cast<char*>(entry.key().data());
    block_bytes_ -= taken_by(block);
    delete[] block;
  }
  const std::size_t length = (pieces_[id / kPiece].stride - sizeof(Entry)) / kStep - 1;
  entry.next = std::exchange(places_[length].free, id);
  --live_;
}

std::size_t Slab::length_for(std::size_t key_size) {
  const bool is_long = key_size > room(kLengths - 1);
  const std::size_t wanted = is_long || key_size == 0 ? 0 : (key_size - 1) / kStep;
  if (!places_[wanted].empty()) return wanted;
  const std::size_t free = pieces_.size() * kPiece - live_;
  if (free > kPiece * kLengths + live_ / 8) {
    for (std::size_t i = 1; i < kLengths; ++i) {
      const std::size_t other = (wanted + i) % kLengths;  // the longer ones first
      if (!places_[other].empty()) return other;
    }
  }
  grow(wanted);
  return wanted;
}

void Slab::grow(std::size_t length) {
  const auto first = static_cast<EntryId>(pieces_.size()) * kPiece;
  if (first + kPiece > kMostEntries) throw std::bad_alloc();
  const std::size_t stride = sizeof(Entry) + room(length);
  pieces_.push_back({std::make_unique_for_overwrite<std::byte[]>(kPiece * stride),
                     static_cast<std::uint32_t>(stride)});
  places_[length].unused = first;
  places_[length].end = first + kPiece;
  piece_bytes_ += kPiece * stride;
}

std::size_t Slab::overhead_bytes() const noexcept {
  return pieces_.capacity() * sizeof(Piece) + piece_bytes_ + block_bytes_ - key_bytes_;
}

}  // namespace tidegate::internal
