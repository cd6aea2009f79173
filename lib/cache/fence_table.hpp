// SPDX-License-Identifier: Apache-2.0
//
// FenceTable: the fences of the loads that are under way, by the hash of their key. As many loads as
// programs like run at once, and whoever forgets a key must find its own among them in a few steps,
// under the lock of its shard.
//
// Linear hashing (Litwin, 1980): with each fence beyond the number of chains one chain is divided in
// two. So there is no moment at which all move, and chains have one fence on average. A fence that
// was lowered leaves: it is looked at once. Not thread-safe.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

#include "cache/store.hpp"

namespace tidegate::internal {

class FenceTable {
 public:
  // May throw std::bad_alloc, and then adds nothing.
  void add(Fence& fence, std::string_view key, std::uint64_t hash) {
    fence.key_ = key;
    fence.hash_ = hash;
    if (size_ >= chains_.size()) divide_one();
    push(chain_of(fence.hash_), fence);
    fence.is_in_table_ = true;
    ++size_;
  }
  // Does nothing where it has left already.
  void remove(Fence& fence) noexcept {
    if (!std::exchange(fence.is_in_table_, false)) return;
    Fence** link = &chain_of(fence.hash_);
    while (*link != &fence) link = &(*link)->next_;
    *link = fence.next_;
    --size_;
  }

  // Those of the key do not stand any more.
  void lower(std::string_view key, std::uint64_t hash) noexcept {
    if (size_ == 0) return;
    Fence** link = &chain_of(hash);
    while (Fence* const fence = *link) {
      if (fence->hash_ != hash || fence->key_ != key) {
        link = &fence->next_;
        continue;
      }
      *link = fence->next_;
      fence->stands_.store(false, std::memory_order_release);
      fence->is_in_table_ = false;
      --size_;
    }
  }

  std::size_t size() const noexcept { return size_; }
  // How many are looked at for a key of that hash.
  std::size_t steps(std::uint64_t hash) const noexcept {
    std::size_t steps = 0;
    if (chains_.empty()) return steps;
    for (const Fence* fence = chains_[place(hash)]; fence; fence = fence->next_) ++steps;
    return steps;
  }

 private:
  // Of them as many as the others came from, the first ones, have been divided in this round.
  std::size_t whole() const noexcept { return std::bit_floor(chains_.size()); }
  std::size_t place(std::uint64_t hash) const noexcept {
    const auto at = static_cast<std::size_t>(hash) & (2 * whole() - 1);
    return at < chains_.size() ? at : at - whole();
  }
  Fence*& chain_of(std::uint64_t hash) noexcept { return chains_[place(hash)]; }

  static void push(Fence*& chain, Fence& fence) noexcept {
    fence.next_ = chain;
    chain = &fence;
  }
  void divide_one() {
    chains_.push_back(nullptr);
    if (chains_.size() == 1) return;
    const std::size_t newest = chains_.size() - 1;
    Fence* fence = std::exchange(chains_[newest - std::bit_floor(newest)], nullptr);
    while (fence) {
      Fence& moved = *std::exchange(fence, fence->next_);
      push(chain_of(moved.hash_), moved);
    }
  }

  std::deque<Fence*> chains_;
  std::size_t size_ = 0;
};

}  // namespace tidegate::internal
