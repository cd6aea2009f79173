// SPDX-License-Identifier: Apache-2.0
#include "cache/evictor.hpp"

#include <algorithm>

// Invariants
//   * an entry is in main_ where it has in_main, else in window_; strict LRU has no main_
//   * bytes_ is the sum of all weights, window_bytes_ of those in the window
namespace tidegate::internal {

namespace {
// By the simulator, tests/bench/cache_sim.cpp.
constexpr int kHandSteps = 64;
constexpr int kMostPromoted = 64;       // by one put, where the window became smaller
constexpr unsigned kEnoughUses = 2;     // in the window, to be let in whoever goes
constexpr std::size_t kRemembered = 8;  // additions for each entry until the sketch is halved
// A candidate that was seen a few times but loses is let in now and then, so that nobody can hold a
// place against all others by a sketch that collides.
constexpr unsigned kWarm = 6;
constexpr std::uint64_t kLuck = 1024;

std::size_t sketched(const Capacity& capacity, bool is_lru) noexcept {
  return is_lru ? 1 : std::min(capacity.entries, capacity.bytes / 32);
}

bool is_over(const Entry& entry, Ticks now, std::uint64_t floor) noexcept {
  return entry.stale_until <= now || entry.version < floor;
}
}  // namespace

Evictor::Evictor(const Capacity& capacity, Eviction policy, std::uint64_t seed, Slab& slab)
    : capacity_(capacity),
      is_lru_(policy == Eviction::kStrictLru),
      slab_(slab),
      sketch_(sketched(capacity, is_lru_), kRemembered * sketched(capacity, is_lru_)),
      climber_(capacity.entries),
      returns_(capacity.entries),
      rng_(seed) {
  set_window();
}

void Evictor::set_window() noexcept {
  const auto part = [this](std::size_t whole) {
    return static_cast<std::size_t>(static_cast<double>(whole) * climber_.share());
  };
  window_most_ = {std::max<std::size_t>(1, part(capacity_.entries)), part(capacity_.bytes)};
}

void Evictor::wanted(std::uint32_t hash, std::uint64_t requests, std::uint64_t hits) noexcept {
  if (is_lru_) return;
  sketch_.add(hash);
  trial_.wanted(hash);
  returns_.wanted(hash, entries());
  if (!climber_.is_due(requests)) return;
  climber_.observe({requests, hits, window_hits_}, returns_.take());
  set_window();
}

EntryId Evictor::victim(Ticks now, std::uint64_t floor) noexcept {
  if (is_lru_ || main_.empty()) return window_.first();
  const EntryId old = under_the_hand(now, floor);
  if (window_.empty() || !window_is_full() || is_over(slab_[old], now, floor)) return old;
  const EntryId candidate = window_.first();
  Entry& entry = slab_[candidate];
  if (is_over(entry, now, floor)) return candidate;
  if (wins(entry, slab_[old])) return old;
  returns_.went(entry.hash, window_.size());
  remember(entry);
  return candidate;
}

bool Evictor::wins(const Entry& candidate, const Entry& old) noexcept {
  if (candidate.uses >= kEnoughUses) return true;
  const unsigned seen = sketch_.estimate(candidate.hash) + candidate.uses;
  if (seen >= kWarm && rng_.below(kLuck) == 0) return true;
  const unsigned rival = sketch_.estimate(old.hash);
  const bool is_clear = seen != rival + 1 || sketch_.is_whole();
  if (!is_clear) return trial_.newcomer_stays(candidate.hash, old.hash, rng_);
  return seen > rival;
}

// It leaves the window.
void Evictor::remember(Entry& entry) noexcept {
  for (unsigned i = 0; i < entry.uses; ++i) sketch_.add(entry.hash);
  window_hits_ += entry.uses;
  entry.uses = 0;
}

EntryId Evictor::under_the_hand(Ticks now, std::uint64_t floor) noexcept {
  for (int step = 0; step < kHandSteps; ++step) {
    const EntryId id = main_.first();
    Entry& entry = slab_[id];
    if (entry.uses == 0 || is_over(entry, now, floor)) return id;
    entry.uses = (entry.uses - 1) & kMostUses;
    sketch_.add(entry.hash);
    main_.remove(slab_, id);
    main_.push_back(slab_, id);
  }
  return main_.first();
}

void Evictor::add(EntryId id) noexcept {
  for (int i = 0; i < kMostPromoted && !is_lru_ && window_is_full() && !window_.empty(); ++i) {
    promote(window_.first());
  }
  window_.push_back(slab_, id);
  bytes_ += slab_[id].weight;
  window_bytes_ += slab_[id].weight;
}

void Evictor::promote(EntryId id) noexcept {
  Entry& entry = slab_[id];
  window_.remove(slab_, id);
  window_bytes_ -= entry.weight;
  remember(entry);
  entry.in_main = 1;
  main_.push_back(slab_, id);
}

void Evictor::remove(EntryId id) noexcept {
  const Entry& entry = slab_[id];
  (entry.in_main ? main_ : window_).remove(slab_, id);
  bytes_ -= entry.weight;
  if (!entry.in_main) window_bytes_ -= entry.weight;
}

void Evictor::rewritten(EntryId id, std::uint32_t weight) noexcept {
  if (is_lru_) used(id);
  Entry& entry = slab_[id];
  bytes_ += weight - std::size_t{entry.weight};
  if (!entry.in_main) window_bytes_ += weight - std::size_t{entry.weight};
  entry.weight = weight;
}

}  // namespace tidegate::internal
