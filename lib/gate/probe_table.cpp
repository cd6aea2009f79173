// SPDX-License-Identifier: Apache-2.0
#include "gate/probe_table.hpp"

#include <algorithm>

namespace tidegate::internal {

namespace {

using policy::Generation;
using Kind = policy::ProbeWord::Kind;

constexpr std::uint32_t kFailed = 1;
constexpr std::uint32_t kSlow = 2;

bool has_reported(const policy::ProbeWord& word, Generation generation) noexcept {
  return word.kind == Kind::kReported && word.generation == generation;
}

}  // namespace

bool ProbeTable::is_over(Generation generation) const noexcept {
  return policy::BreakerWord::generation_of(words_.state.load()) != generation;
}

Duration ProbeTable::leased_for(const Word& word, Generation generation,
                                TimePoint now) const noexcept {
  if (word.kind != Kind::kLeased || word.generation != generation) return Duration::zero();
  const Duration longest = lease_ + lease_ / 5 + policy::kTick;
  return std::max(Duration::zero(), policy::left_until(word.until, now, longest));
}

ProbeTable::Lease ProbeTable::take(Generation generation, TimePoint now) noexcept {
  Duration first_free = Duration::max();
  for (std::uint32_t place = 0; place < places_;) {
    std::uint64_t seen = words_.probes[place].load();
    const Word word = Word::unpack(seen);
    const Duration left = leased_for(word, generation, now);
    if (left > Duration::zero() || has_reported(word, generation)) {
      if (left > Duration::zero()) first_free = std::min(first_free, left);
      ++place;
      continue;
    }
    // What was in this place before the generation was looked at is of no later one.
    if (is_over(generation)) return {};
    const std::uint64_t mine = Word{.kind = Kind::kLeased,
                                    .place = place,
                                    .generation = generation,
                                    .until = policy::tick_at(now + lease_)}
                                   .pack();
    if (!words_.probes[place].compare_exchange_strong(seen, mine)) continue;
    if (is_over(generation)) {
      give_back(mine);
      return {};
    }
    return {.word = mine, .retry_after = {}};
  }
  if (first_free == Duration::max()) return {};
  return {.word = 0, .retry_after = first_free};
}

void ProbeTable::give_back(std::uint64_t lease) noexcept {
  if (lease == 0) return;
  words_.probes[Word::unpack(lease).place].compare_exchange_strong(lease, 0);
}

void ProbeTable::report(Generation generation, std::uint64_t lease, bool failed, bool slow,
                        TimePoint now) noexcept {
  const std::uint32_t said = (failed ? kFailed : 0) | (slow ? kSlow : 0);
  const auto as_of = [&](std::uint32_t place) {
    return Word{.kind = Kind::kReported, .place = place, .generation = generation, .until = said}
        .pack();
  };
  const std::uint32_t own = Word::unpack(lease).place;
  std::uint64_t seen = lease;
  if (words_.probes[own].compare_exchange_strong(seen, as_of(own))) return;
  for (;;) {
    std::uint32_t best = places_;
    std::uint64_t best_word = 0;
    Duration shortest = Duration::max();
    for (std::uint32_t place = 0; place < places_; ++place) {
      const std::uint64_t word = words_.probes[place].load();
      if (has_reported(Word::unpack(word), generation)) continue;
      const Duration left = leased_for(Word::unpack(word), generation, now);
      if (left >= shortest) continue;
      shortest = left;
      best = place;
      best_word = word;
    }
    if (best == places_ || is_over(generation)) return;  // it is decided without this one
    if (words_.probes[best].compare_exchange_strong(best_word, as_of(best))) return;
  }
}

ProbeTable::Places ProbeTable::places(Generation generation, TimePoint now) const noexcept {
  Places all;
  Duration first_free = Duration::max();
  for (std::uint32_t place = 0; place < places_; ++place) {
    const Word word = Word::unpack(words_.probes[place].load());
    if (has_reported(word, generation)) {
      all.reported.add((word.until & kFailed) != 0, (word.until & kSlow) != 0);
      continue;
    }
    const Duration left = leased_for(word, generation, now);
    if (left > Duration::zero()) ++all.leased;
    first_free = std::min(first_free, left);
  }
  if (first_free != Duration::max()) all.first_free = first_free;
  return all;
}

}  // namespace tidegate::internal
