// SPDX-License-Identifier: Apache-2.0
// What eviction learns of the requests: the share of the window, and whether once more is clearly
// more. Counted in hits and places, not in time.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>

#include "base/ports/rng.hpp"
#include "cache/admission_trial.hpp"
#include "cache/early_returns.hpp"
#include "cache/window_climber.hpp"
#include "support/hit_ratio.hpp"
#include "support/peer_policies.hpp"

namespace tidegate::internal {
namespace {

// How many of 1,000 newcomers that were seen once more stay.
int stay(AdmissionTrial& trial, Rng& rng) {
  int stayed = 0;
  for (std::uint32_t i = 0; i < 1'000; ++i) {
    stayed += trial.newcomer_stays(2 * i, 2 * i + 1, rng) ? 1 : 0;
  }
  return stayed;
}

// Cases whose loser is wanted again where it was the newcomer, or where it was the old entry.
void come_back(AdmissionTrial& trial, Rng& rng, bool newcomers, bool old_ones) {
  for (std::uint32_t i = 0; i < 30'000; ++i) {
    const bool stays = trial.newcomer_stays(2 * i, 2 * i + 1, rng);
    if (!stays && newcomers) trial.wanted(2 * i);
    if (stays && old_ones) trial.wanted(2 * i + 1);
  }
}

TEST_CASE("A newcomer that was seen once more has to go until newcomers come back") {
  AdmissionTrial trial;
  Rng rng(1);
  CHECK(stay(trial, rng) < 30);
  come_back(trial, rng, true, false);
  CHECK(stay(trial, rng) > 970);
  come_back(trial, rng, false, true);
  CHECK(stay(trial, rng) < 30);
}

TEST_CASE("Newcomers that come back as often as old entries have to go") {
  AdmissionTrial trial;
  Rng rng(2);
  come_back(trial, rng, true, false);
  come_back(trial, rng, true, true);
  CHECK(stay(trial, rng) < 500);
}

TEST_CASE("A large cache that has just been filled keeps what was seen once more") {
  using namespace test;
  for (const std::uint64_t seed : {41u, 42u}) {
    const Trace trace = zipf_trace(500'000, 100'000, 1.1, seed);
    CAPTURE(seed);
    CHECK(hit_ratio(trace, 5'000, Eviction::kClockTinyLfu) >= window_tiny_lfu(trace, 5'000, true));
  }
}

struct Climb {
  WindowClimber climber{1'000};
  WindowClimber::Counts now{};

  // So many samples of these hits of a hundred requests.
  void sample(int samples, std::uint64_t hits, std::uint64_t window_hits,
              const EarlyReturns::Seen& seen = {}) {
    for (int i = 0; i < samples; ++i) {
      now.requests += 10'000;
      now.hits += 100 * hits;
      now.window_hits += 100 * window_hits;
      REQUIRE(climber.is_due(now.requests));
      climber.observe(now, seen);
    }
  }
};

TEST_CASE("A window without any hits goes down to nothing, one with a few keeps a hundredth") {
  for (const std::uint64_t window_hits : {0u, 1u}) {
    Climb climb;
    double least = 1;
    for (int i = 0; i < 40; ++i) {
      climb.sample(1, 50, window_hits);
      least = std::min(least, climb.climber.share());
    }
    CHECK(least == (window_hits == 0 ? 0 : 0.01));
  }
}

TEST_CASE("A window that lets keys go and has no hits goes at once, however the hit ratio moves") {
  Climb climb;
  for (const std::uint64_t hits : {50u, 60u, 50u, 60u}) {
    climb.sample(1, hits, 0, {.gone = 5'000});
    CHECK(climb.climber.share() == 0);
  }
}

TEST_CASE("A window without hits is as wide as what comes back early needs, if that is worth it") {
  Climb climb;
  climb.sample(1, 50, 0, {.gone = 5'000, .early = 0.2, .share = 0.25});
  CHECK(climb.climber.share() == 0);
  climb.sample(1, 5, 0, {.gone = 9'500, .early = 0.2, .share = 0.25});
  CHECK(climb.climber.share() == 0.25);
}

TEST_CASE("A window that gives most of the hits holds, and grows where keys come back early") {
  Climb climb;
  climb.sample(1, 10, 0, {.gone = 9'000, .early = 0.3, .share = 0.3});
  REQUIRE(climb.climber.share() == 0.3);
  for (const std::uint64_t hits : {40u, 35u, 30u}) {
    const double before = climb.climber.share();
    climb.sample(1, hits, hits - 5, {.gone = 6'000});
    CHECK(climb.climber.share() >= before);
  }
  climb.sample(1, 30, 25, {.gone = 7'000, .early = 0.1, .share = 0.5});
  CHECK(climb.climber.share() == 0.5);
}

TEST_CASE("What went and is wanted again within half a cache of new keys comes back early") {
  constexpr std::uint32_t kEntries = 20;
  for (const std::uint32_t others : {5u, 30u}) {
    EarlyReturns returns(kEntries);
    for (std::uint32_t i = 0; i < 10; ++i) {
      returns.went(i, 3);
      for (std::uint32_t other = 0; other < others; ++other) returns.wanted(1'000, kEntries);
      returns.wanted(i, kEntries);
    }
    const EarlyReturns::Seen seen = returns.take();
    CAPTURE(others);
    CHECK(seen.gone == 10);
    CHECK(seen.early == (others == 5 ? 1 : 0));
    CHECK(seen.share == (others == 5 ? 9.0 / kEntries : 0));  // 3 before it, 5 others, itself
    CHECK(returns.take().gone == 0);
  }
}

TEST_CASE("A loop is kept as well as it can be, wherever samples end in it") {
  using namespace test;
  for (const std::size_t entries : {256u, 512u, 700u}) {
    const Trace trace = loop_trace(300'000, 1'011);
    CAPTURE(entries);
    CHECK(hit_ratio(trace, entries, Eviction::kClockTinyLfu) >= 0.98 * optimum(trace, entries));
  }
}

TEST_CASE("A cache finds what is wanted once more soon behind a loop that takes all of it") {
  using namespace test;
  const Trace loop = loop_trace(200'000, 2'000);
  const Trace ledger = ledger_trace(200'000, std::uint64_t{1} << 40, 51);
  Trace trace;
  for (std::size_t i = 0; i < loop.size(); ++i) {
    trace.push_back(loop[i]);
    trace.push_back(ledger[i]);
  }
  CHECK(hit_ratio(trace, 300, Eviction::kClockTinyLfu) >= window_tiny_lfu(trace, 300, true));
}

TEST_CASE("A small window begins anew where the hit ratio collapses") {
  Climb climb;
  climb.sample(60, 50, 0);
  REQUIRE(climb.climber.share() < 0.1);
  climb.sample(1, 20, 0);
  CHECK(climb.climber.share() == 0.1);
  climb.sample(30, 20, 0);
  const double settled = climb.climber.share();
  climb.sample(1, 14, 0);  // less, but no collapse
  CHECK(climb.climber.share() < settled + 0.04);
}

TEST_CASE("A cache finds back to what is wanted once more soon, wherever a loop ends") {
  using namespace test;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    const Trace trace = shifting_trace(30'000 + 700 * seed, 600, 20 * seed);
    CAPTURE(seed);
    CHECK(hit_ratio(trace, 256, Eviction::kClockTinyLfu) >= 0.85 * optimum(trace, 256));
  }
}

TEST_CASE("A cache follows when what is popular becomes other keys") {
  using namespace test;
  for (const std::uint64_t seed : {31u, 32u}) {
    const Trace trace = moving_trace(500'000, 15'000, 1.0, 50'000, seed);
    CHECK(hit_ratio(trace, 1'500, Eviction::kClockTinyLfu) >= window_tiny_lfu(trace, 1'500, true));
  }
}

}  // namespace
}  // namespace tidegate::internal
