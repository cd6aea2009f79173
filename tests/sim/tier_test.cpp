// SPDX-License-Identifier: Apache-2.0
// Processes that share a cache over a Redis which is slow, refuses, loses replies, evicts the epoch and
// goes away: under
// random callers, failures, cancels and invalidations, whatever the order, the promises of cache.hpp
// and tier.hpp hold.
#include <doctest/doctest.h>

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/sleep.hpp"
#include "cache/envelope.hpp"
#include "cache/redis_key.hpp"
#include "support/flow.hpp"
#include "support/seeds.hpp"
#include "support/shared_cache.hpp"

namespace tidegate::internal {
namespace {

using test::Asked;
using test::Flow;
using test::SharedCache;
using test::SimCache;
using test::SimKv;
using namespace std::chrono_literals;

constexpr std::array<const char*, 4> kKeys = {"a", "b", "c", "d"};
constexpr int kProcesses = 3;
constexpr std::size_t kLoadersWhenDown = 2;

// Loads up to this number began before.
struct Floors {
  std::map<std::string, int> fresh;  // and may not be served as fresh
  std::map<std::string, int> any;    // nor as stale
};

// What one process was told to forget.
struct Forgotten {
  int stamp;
  std::string key;  // empty: everything
  bool keeps_stale;
  int number;
};

// What one caller asked, and what it may be given.
struct Call {
  Asked asked;
  Deadline deadline;
  int fresh_floor;
  int any_floor;
};

class Run {
 public:
  explicit Run(std::uint64_t seed) : sim(kProcesses, settings(), tier(), seed) {
    sim.redis.next_stamp = [this] { return ++stamps_; };
    sim.redis.on_told = [this](const std::string& bytes, int stamp) {
      raise(bytes, stamp, &in_redis_);
    };
    sim.redis.on_heard = [this](const SimKv& by, const std::string& bytes, int stamp) {
      raise(bytes, stamp, &floors_[index(by)]);
    };
    // It may have missed some, and holds nothing fresh from before.
    sim.redis.on_listening = [this](const SimKv& by) {
      for (const auto& [key, number] : in_redis_.fresh) lift(floors_[index(by)].fresh, key, number);
    };
    for (int i = 0; i < kProcesses; ++i) {
      sim.at(i).loader->on_begin = [this, i](const Load&) { look_at_line(i); };
    }
    sim.loop.before_resume([this](std::uint64_t) {
      for (int i = 0; i < kProcesses; ++i) {
        if (tier_of(i).is_ready()) seen_ready_[at(i)] = sim.loop.now();
      }
    });
  }

  static CacheSettings settings() {
    auto settings = SimCache::quiet();
    settings.name = "shared";
    settings.entry = {
        .ttl = 2s, .stale_for = 5s, .negative_ttl = 1s, .jitter = 0.1, .sliding = false};
    settings.load_timeout = 3s;
    settings.throttle = 500ms;
    settings.refresh_ahead = 0.7;
    return settings;
  }
  static TierSettings tier() {
    return {.loaders_when_down = kLoadersWhenDown,
            .outbox = {.store_bytes = 400, .invalidations = 3}};
  }

  Tier& tier_of(int process) { return *sim.at(process).core->tier(); }

  void ask(int process) {
    Rng& rng = sim.loop.rng();
    const std::string key = kKeys[rng.below(kKeys.size())];
    const Deadline deadline = sim.in(rng.between(0ms, 5s));
    std::optional<Duration> soft;
    if (rng.chance(50)) soft = rng.between(0ms, 1s);
    Floors& floors = floors_[at(process)];
    const int fresh = floors.fresh[key];
    const int any = floors.any[key];
    calls.push_back({sim.at(process).ask(key, deadline, soft), deadline, fresh, any});
    if (rng.chance(20)) calls.back().asked.cancel();
  }

  void forget(int process) {
    Rng& rng = sim.loop.rng();
    const bool keeps_stale = rng.chance(40);
    const bool everything = rng.chance(15);
    const std::string key = everything ? "" : kKeys[rng.below(kKeys.size())];
    const Forgotten what{++stamps_, key, keeps_stale, sim.numbers};
    CacheCore& core = *sim.at(process).core;
    everything ? core.invalidate_all(keeps_stale)
               : static_cast<void>(core.invalidate(key, 0, keeps_stale));
    forgotten_[at(process)].push_back(what);
    apply(what, &floors_[at(process)]);
  }

  void put(int process) {
    const std::string key = kKeys[sim.loop.rng().below(kKeys.size())];
    put_.insert(++sim.numbers);
    sim.at(process).put(key, sim.numbers);
  }

  void check() {
    for (const Call& call : calls) {
      REQUIRE(call.asked.done());
      REQUIRE(call.asked.answered_at() <= call.deadline.time());
      if (!call.asked.answer().ok()) continue;
      const CacheAnswer& answer = *call.asked.answer();
      const int number = call.asked.number();
      if (answer.source == Source::kStale) {
        REQUIRE((number > call.any_floor || put_.contains(number)));
        REQUIRE(answer.age <= 7200ms);
        REQUIRE_FALSE(answer.reason.ok());
      } else {
        REQUIRE((number > call.fresh_floor || put_.contains(number)));
        REQUIRE(answer.age <= 2200ms);
      }
    }
    REQUIRE(over_the_cap == 0);
    for (int i = 0; i < kProcesses; ++i) {
      REQUIRE(sim.at(i).loader->doubled == 0);
      REQUIRE(sim.at(i).core->flights() == 0);
      REQUIRE(tier_of(i).line().running() == 0);
      const CacheStats::Tier stats = sim.at(i).stats();
      REQUIRE(stats.pending_invalidations == 0);
      REQUIRE(stats.pending_stores == 0);
      REQUIRE(stats.waiting_loads == 0);
    }
    REQUIRE(sim.loop.roots() == 0);
    REQUIRE(live_frames() == 0);
  }

  // What Redis has under the names of now was loaded after what it was last told to forget.
  void check_redis() {
    const auto& numbers = sim.redis.state().numbers;
    const auto epoch = numbers.find(redis_epoch("shared"));
    if (epoch == numbers.end()) return;
    for (const char* const key : kKeys) {
      const auto known = sim.redis.state().values.find(redis_key("shared", epoch->second, key));
      if (known == sim.redis.state().values.end()) continue;
      const OpenedEnvelope opened = open_envelope(known->second.bytes, key);
      REQUIRE(opened);
      const int number = std::stoi(std::string(opened.entry.payload));
      REQUIRE((number > in_redis_.fresh[key] || put_.contains(number)));
    }
  }

  // Everything works, and what was loaded before does not count: all find the same.
  void agree() {
    for (const char* const key : kKeys) {
      sim.at(0).core->invalidate(key, 0, false);
      sim.pass(100ms);
      std::set<int> numbers;
      for (int i = kProcesses - 1; i >= 0; --i) {
        const Asked asked = sim.at(i).ask(key);
        sim.pass(100ms);
        REQUIRE(asked.done());
        numbers.insert(asked.number());
      }
      REQUIRE(numbers.size() == 1);
    }
    sim.loop.drive();
  }

  SharedCache sim;
  std::vector<Call> calls;
  int over_the_cap = 0;

 private:
  static std::size_t at(int process) { return static_cast<std::size_t>(process); }
  std::size_t index(const SimKv& kv) const {
    for (int i = 0; i < kProcesses; ++i) {
      if (sim.at(i).kv.get() == &kv) return at(i);
    }
    return 0;
  }
  static void lift(std::map<std::string, int>& floors, const std::string& key, int number) {
    floors[key] = std::max(floors[key], number);
  }
  static void apply(const Forgotten& what, Floors* floors) {
    for (const char* const key : kKeys) {
      if (!what.key.empty() && what.key != key) continue;
      lift(floors->fresh, key, what.number);
      if (!what.keeps_stale) lift(floors->any, key, what.number);
    }
  }
  // A message tells what its sender had forgotten when it was sent, of its key or at all; where it
  // keeps what is stale, others may.
  void raise(const std::string& bytes, int stamp, Floors* floors) {
    const auto message = decode_invalidation(bytes);
    REQUIRE(message.has_value());
    const bool everything = message->kind != Invalidation::Kind::kKey;
    for (Forgotten what : forgotten_[message->sender - 1]) {
      const bool is_told = everything || (!what.key.empty() && what.key == message->key);
      if (what.stamp > stamp || !is_told) continue;
      what.keeps_stale = what.keeps_stale || message->keeps_stale;
      apply(what, floors);
    }
  }

  void look_at_line(int process) {
    const bool was_ready_just_now = seen_ready_[at(process)] == sim.loop.now();
    if (tier_of(process).is_ready() || was_ready_just_now) return;
    if (tier_of(process).line().running() > kLoadersWhenDown) ++over_the_cap;
  }

  int stamps_ = 0;
  std::array<std::vector<Forgotten>, kProcesses> forgotten_;
  std::array<Floors, kProcesses> floors_;
  Floors in_redis_;
  std::set<int> put_;
  std::array<TimePoint, kProcesses> seen_ready_{};
};

// The loaders' latency and luck, and Redis', change as the run goes on; at the end all is well.
Task<void> change_weather(Run* run) {
  SharedCache& sim = run->sim;
  Rng& rng = sim.loop.rng();
  for (int i = 0; i < 40; ++i) {
    for (const auto& process : sim.all) {
      process.loader->latency = rng.between(0ms, 4s);
      const bool fails = rng.chance(40);
      process.loader->failure = fails ? Status(Cause::kEngineUnavailable, "down") : Status();
    }
    const Duration slowest = rng.chance(20) ? 80ms : 10ms;
    sim.redis.latency = {0ms, slowest};
    sim.redis.failing = rng.chance(20) ? 30 : 0;
    sim.redis.replies_lost = rng.chance(20) ? 30 : 0;
    const auto& unlucky = sim.all[rng.below(kProcesses)];
    const std::uint64_t luck = rng.below(10);
    if (luck == 0) sim.redis.go_down();
    if (luck <= 2) unlucky.kv->lose_subscription();
    if (luck == 3) unlucky.kv->cut_off();
    if (luck == 4) sim.redis.state().numbers.clear();  // the epoch is evicted
    if (luck >= 5) {
      if (sim.redis.is_down()) sim.redis.come_up();
      for (const auto& process : sim.all) process.kv->reconnect();
    }
    const TimePoint next = sim.loop.now() + rng.between(0ms, 1s);
    co_await sleep_until(next);
  }
  sim.redis.failing = sim.redis.replies_lost = 0;
  sim.redis.latency = {0ms, 5ms};
  if (sim.redis.is_down()) sim.redis.come_up();
  for (const auto& process : sim.all) {
    process.kv->reconnect();
    process.loader->latency = 10ms;
    process.loader->failure = Status();
  }
}

Task<void> use(Run* run, int process) {
  Rng& rng = run->sim.loop.rng();
  for (int i = 0; i < 60; ++i) {
    run->ask(process);
    if (rng.chance(10)) run->forget(process);
    if (rng.chance(5)) run->put(process);
    const TimePoint next = run->sim.loop.now() + rng.between(0ms, 600ms);
    co_await sleep_until(next);
  }
}

std::uint64_t play(std::uint64_t seed) {
  Run run(seed);
  {
    Flow weather(run.sim.loop, change_weather(&run));
    Flow first(run.sim.loop, use(&run, 0));
    Flow second(run.sim.loop, use(&run, 1));
    Flow third(run.sim.loop, use(&run, 2));
    run.sim.loop.drive();
  }
  run.check();
  run.check_redis();
  run.agree();
  run.check();
  return run.sim.loop.trace_hash();
}

// As in determinism_test.cpp: where what flows do is meant to change, take the new value over.
TEST_CASE("A recorded seed of processes that share a cache gives the recorded trace") {
  CHECK(play(1) == 0xf2f4529c2b02c3d5u);
  CHECK(play(20'261'126) == 0x2e3c17f7d360907cu);
}

TEST_CASE("Processes that share a cache keep its promises in every order of events") {
  test::each_seed(200, 10'000, [](std::uint64_t seed) { play(seed); });
}

}  // namespace
}  // namespace tidegate::internal
