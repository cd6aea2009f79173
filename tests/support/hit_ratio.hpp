// SPDX-License-Identifier: Apache-2.0
//
// hit_ratio(): the share of a trace's requests, in percent, that a Store of that many entries
// answers, where every miss is put. optimum(): the most that any policy could (Belady, 1966).
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cache/store.hpp"
#include "support/traces.hpp"

namespace tidegate::test {

inline double percent(std::uint64_t part, std::size_t whole) {
  return 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

inline double hit_ratio(const Trace& trace, std::size_t entries, Eviction policy,
                        std::size_t shards = 1) {
  using namespace internal;
  constexpr TimePoint kNow{};
  Store store({.max_entries = entries,
               .max_bytes = std::size_t{1} << 40,
               .eviction = policy,
               .seed = 1,
               .shards = shards},
              kNow);
  std::uint64_t hits = 0;
  for (const std::uint64_t number : trace) {
    const std::string_view key(reinterpret_cast<const char*>(&number), sizeof number);
    const std::uint64_t hash = store.hash(key);
    if (store.find(key, hash, kNow).fresh()) {
      ++hits;
      continue;
    }
    store.put(key, hash,
              {.value = Ref<CacheValue>::adopt(new TypedValue<int>(0)),
               .life = {.fresh_until = TimePoint::max(), .stale_until = TimePoint::max()},
               .now = kNow});
  }
  return percent(hits, trace.size());
}

// Keeps those that are wanted again soonest.
inline double optimum(const Trace& trace, std::size_t entries) {
  constexpr std::size_t kNever = ~std::size_t{0};
  std::vector<std::size_t> next(trace.size());
  std::unordered_map<std::uint64_t, std::size_t> seen;
  for (std::size_t i = trace.size(); i-- > 0;) {
    const auto at = seen.find(trace[i]);
    next[i] = at == seen.end() ? kNever : at->second;
    seen[trace[i]] = i;
  }
  std::set<std::pair<std::size_t, std::uint64_t>> held;  // by when they are wanted next
  std::unordered_map<std::uint64_t, std::size_t> wanted;
  std::uint64_t hits = 0;
  for (std::size_t i = 0; i < trace.size(); ++i) {
    const auto at = wanted.find(trace[i]);
    if (at != wanted.end()) {
      ++hits;
      held.erase({at->second, trace[i]});
      at->second = next[i];
    } else {
      if (wanted.size() == entries) {
        const auto last = std::prev(held.end());
        if (last->first <= next[i]) continue;  // what is new is wanted latest
        wanted.erase(last->second);
        held.erase(last);
      }
      wanted.emplace(trace[i], next[i]);
    }
    held.emplace(next[i], trace[i]);
  }
  return percent(hits, trace.size());
}

}  // namespace tidegate::test
