// SPDX-License-Identifier: Apache-2.0
//
// SharedCache: processes on one simulated loop that share a cache's values over one SimRedis.
//
//   SharedCache sim(2);
//   const Asked first = sim.at(0).ask("k");
//   sim.loop.drive();
//   sim.at(1).ask("k");                       // restored, not loaded
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "cache/redis_key.hpp"
#include "cache/tier.hpp"
#include "support/scripted_cache.hpp"
#include "support/sim_redis.hpp"

namespace tidegate::test {

struct SharedProcess {
  SharedProcess(SimLoop& loop, const LoopClock& clock, SimRedis& redis,
                const internal::CacheSettings& settings, internal::TierSettings tier, int* numbers)
      : kv(std::make_shared<SimKv>(redis)),
        loader(std::make_shared<ScriptedLoader>(loop)),
        core(std::make_shared<internal::CacheCore>(settings, loop, clock)) {
    loader->numbers = numbers;
    internal::share(core, kv, tier);
  }

  Asked ask(const std::string& key, Deadline deadline = Deadline::never(),
            std::optional<Duration> soft = std::nullopt) const {
    return Asked(core, key, loader, {.deadline = deadline, .soft_timeout = soft, .entry = {}});
  }
  void put(const std::string& key, int number) const {
    internal::Loaded loaded;
    loaded.value = make_number(number);
    loaded.weight = 8;
    loaded.encoded = internal::Encoded{std::to_string(number), 0};
    core->put(key, loaded, core->settings().entry);
  }
  // The number of a fresh value that is here, or 0.
  int fresh(const std::string& key) const {
    const internal::Found found = core->find(key, core->store().hash(key), core->now());
    return found.fresh() ? number_of(found.value) : 0;
  }
  CacheStats::Tier stats() const { return core->stats().tier; }

  std::shared_ptr<SimKv> kv;
  std::shared_ptr<ScriptedLoader> loader;
  std::shared_ptr<internal::CacheCore> core;
};

struct SharedCache {
  explicit SharedCache(int processes, internal::CacheSettings settings = SimCache::quiet(),
                       internal::TierSettings tier = {}, std::uint64_t seed = 0)
      : loop(seed), clock(loop), redis(loop) {
    for (int i = 0; i < processes; ++i) {
      tier.sender = static_cast<std::uint64_t>(i) + 1;
      all.emplace_back(loop, clock, redis, settings, tier, &numbers);
    }
  }
  SharedCache(const SharedCache&) = delete;
  SharedCache& operator=(const SharedCache&) = delete;
  ~SharedCache() {
    all.clear();
    loop.drive();  // what they leave behind goes on the loop
  }

  const SharedProcess& at(int process) const { return all[static_cast<std::size_t>(process)]; }
  // A value that is loaded, and settles in Redis.
  Asked settle(int process, const std::string& key) {
    const Asked asked = at(process).ask(key);
    pass(std::chrono::seconds(1));
    return asked;
  }
  // What the key is called in Redis now.
  std::string name_of(const std::string& key) {
    const std::int64_t epoch = redis.state().numbers[internal::redis_epoch("sim")];
    return internal::redis_key("sim", epoch, key);
  }
  Deadline in(Duration time) const { return Deadline::after(time, loop.now()); }
  void pass(Duration time) { loop.drive(in(time)); }

  SimLoop loop;
  LoopClock clock;
  SimRedis redis;
  int numbers = 0;  // of the loads of all
  std::deque<SharedProcess> all;
};

// How much a counter has grown since.
class Growth {
 public:
  Growth(const SharedCache& sim, std::uint64_t CacheStats::Tier::* counter)
      : sim_(sim), counter_(counter), before_(now()) {}
  std::uint64_t operator()() const { return now() - before_; }

 private:
  std::uint64_t now() const { return sim_.at(0).stats().*counter_; }
  const SharedCache& sim_;
  std::uint64_t CacheStats::Tier::* const counter_;
  const std::uint64_t before_;
};

}  // namespace tidegate::test
