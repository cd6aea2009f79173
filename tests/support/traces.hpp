// SPDX-License-Identifier: Apache-2.0
//
// Traces: the requests that a cache sees, as numbers of keys, made from a seed: the same on every
// machine. Each stands for a kind of use that some eviction policy is bad at.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "base/ports/rng.hpp"

namespace tidegate::test {

using Trace = std::vector<std::uint64_t>;

// Few keys are wanted often and many rarely: the n-th with 1 / n^exponent.
inline Trace zipf_trace(std::size_t length, std::size_t keys, double exponent, std::uint64_t seed) {
  std::vector<double> sums(keys);
  double sum = 0;
  for (std::size_t i = 0; i < keys; ++i) {
    sums[i] = sum += 1.0 / std::pow(static_cast<double>(i + 1), exponent);
  }
  internal::Rng rng(seed);
  Trace trace(length);
  for (auto& key : trace) {
    const double at = rng.fraction() * sum;
    key = static_cast<std::uint64_t>(std::ranges::upper_bound(sums, at) - sums.begin());
  }
  return trace;
}

// The same keys one after the other, round and round.
inline Trace loop_trace(std::size_t length, std::size_t keys) {
  Trace trace(length);
  for (std::size_t i = 0; i < length; ++i) trace[i] = i % keys;
  return trace;
}

// Zipf, and after each `every` requests a scan of `scanned` keys that nobody wants again.
inline Trace scan_trace(std::size_t length, std::size_t keys, std::size_t every,
                        std::size_t scanned, std::uint64_t seed) {
  Trace trace;
  std::uint64_t never_seen = keys;
  for (const std::uint64_t key : zipf_trace(length, keys, 0.9, seed)) {
    if (trace.size() >= length) break;
    trace.push_back(key);
    if (trace.size() % (every + scanned) < every) continue;
    for (std::size_t i = 0; i < scanned; ++i) trace.push_back(never_seen++);
  }
  trace.resize(length);
  return trace;
}

// Zipf, where what is popular becomes other keys after each `every` requests.
inline Trace moving_trace(std::size_t length, std::size_t keys, double exponent, std::size_t every,
                          std::uint64_t seed) {
  Trace trace = zipf_trace(length, keys, exponent, seed);
  for (std::size_t i = 0; i < length; ++i) trace[i] = (trace[i] + i / every * 7'919) % (5 * keys);
  return trace;
}

// Keys that are new, wanted a second time soon (half of them, 20 to 60 requests later), and never
// again: what a ledger does (after the "vaultservice" trace of Corda). Recency is all that helps.
inline Trace ledger_trace(std::size_t length, std::uint64_t first_key, std::uint64_t seed) {
  constexpr std::size_t kAhead = 64;
  constexpr std::uint64_t kNobody = ~std::uint64_t{0};
  internal::Rng rng(seed);
  std::vector<std::uint64_t> again(kAhead, kNobody);  // a ring of the requests to come
  Trace trace(length);
  std::uint64_t key = first_key;
  for (std::size_t i = 0; i < length; ++i) {
    std::uint64_t& due = again[i % kAhead];
    if (due != kNobody) {
      trace[i] = due;
      due = kNobody;
      continue;
    }
    trace[i] = key++;
    if (!rng.chance(50)) continue;
    std::size_t when = i + 20 + rng.below(40);
    while (again[when % kAhead] != kNobody && when < i + kAhead - 1) ++when;
    if (again[when % kAhead] == kNobody) again[when % kAhead] = trace[i];
  }
  return trace;
}

inline Trace joined(std::initializer_list<Trace> parts) {
  Trace trace;
  for (const Trace& part : parts) trace.insert(trace.end(), part.begin(), part.end());
  return trace;
}

// A ledger, then a loop that is five times as long, then a ledger again: a policy that has settled
// on one of them is wrong for the other.
inline Trace shifting_trace(std::size_t ledger, std::size_t loop_keys, std::uint64_t seed) {
  constexpr std::uint64_t kFar = std::uint64_t{1} << 40;
  return joined({ledger_trace(ledger, kFar, seed), loop_trace(5 * ledger, loop_keys),
                 ledger_trace(ledger, 2 * kFar, seed + 1)});
}

}  // namespace tidegate::test
