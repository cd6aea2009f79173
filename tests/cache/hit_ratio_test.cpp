// SPDX-License-Identifier: Apache-2.0
// How much of a trace eviction keeps. Traces and decisions come from seeds: the figures are the same
// on every machine. Longer traces and more of them: tests/bench/cache_sim.cpp.
#include "support/hit_ratio.hpp"

#include <doctest/doctest.h>

#include "support/peer_policies.hpp"

namespace tidegate::test {
namespace {

TEST_CASE("Clock-TinyLFU keeps what is wanted often where LRU does not") {
  const Trace trace = zipf_trace(300'000, 100'000, 1.0, 11);
  const double clock = hit_ratio(trace, 1'000, Eviction::kClockTinyLfu);
  CHECK(clock >= hit_ratio(trace, 1'000, Eviction::kStrictLru) + 8);
  CHECK(clock >= window_tiny_lfu(trace, 1'000, true));
}

TEST_CASE("A loop longer than the cache keeps most of what it could") {
  const Trace trace = loop_trace(200'000, 1'011);
  CHECK(hit_ratio(trace, 512, Eviction::kClockTinyLfu) >= 0.85 * optimum(trace, 512));
}

TEST_CASE("A scan washes nothing out") {
  const Trace trace = scan_trace(300'000, 20'000, 6'000, 3'000, 12);
  const double clock = hit_ratio(trace, 800, Eviction::kClockTinyLfu);
  CHECK(clock >= hit_ratio(trace, 800, Eviction::kStrictLru) + 5);
  CHECK(clock >= window_tiny_lfu(trace, 800, true));
}

TEST_CASE("What is wanted again soon and then never is kept as by strict LRU") {
  Trace pairs;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    pairs.push_back(i);
    pairs.push_back(i >= 50 ? i - 50 : i);
  }
  for (const Trace& trace : {pairs, ledger_trace(200'000, 0, 13)}) {
    CHECK(hit_ratio(trace, 904, Eviction::kClockTinyLfu) >=
          hit_ratio(trace, 904, Eviction::kStrictLru) - 0.5);
  }
}

TEST_CASE("A cache that has settled follows when the requests become others") {
  const Trace trace = shifting_trace(60'000, 1'011, 14);
  const double clock = hit_ratio(trace, 512, Eviction::kClockTinyLfu);
  CHECK(clock >= 0.85 * optimum(trace, 512));
  CHECK(clock >= window_tiny_lfu(trace, 512, true));
}

TEST_CASE("Shards cost little of the hit ratio") {
  const Trace trace = zipf_trace(300'000, 100'000, 1.0, 15);
  CHECK(hit_ratio(trace, 4'096, Eviction::kClockTinyLfu, 16) >=
        hit_ratio(trace, 4'096, Eviction::kClockTinyLfu, 1) - 1);
}

}  // namespace
}  // namespace tidegate::test
