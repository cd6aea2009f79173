// SPDX-License-Identifier: Apache-2.0
// Limiters that share their words: processes of a host, here as cores on one loop in virtual time and
// as threads.
#include "gate/limiter_share.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <barrier>
#include <limits>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "gate/limiter_core.hpp"
#include "gate/state_file.hpp"
#include "support/deep.hpp"
#include "support/sim_loop.hpp"
#include "support/temp_directory.hpp"
#include "support/turn.hpp"
#include "tidegate/config.hpp"

namespace tidegate::internal {
namespace {

using namespace std::chrono_literals;
using policy::Limit;
using test::SimLoop;
using test::waited_for;

constexpr TimePoint kStart = SimLoop::kStart;

// So many processes, each with a limiter of one name.
class Host {
 public:
  Host(std::size_t processes, std::initializer_list<Limit> limits) : limiter(kStart, limits) {
    for (std::size_t i = 0; i < processes; ++i) {
      cores.push_back(std::make_shared<LimiterCore>(
          loop, limiter, "host process " + std::to_string(i), 1024, &words));
    }
  }
  ~Host() { loop.drive(); }

  Operation<Duration> acquire(std::size_t process, Duration timeout = 1h) {
    return cores[process]->acquire(loop.now(), 1, Deadline::after(timeout, loop.now()));
  }
  bool takes(std::size_t process) {
    return cores[process]->take(loop.now(), 1) == Duration::zero();
  }
  void settle() { loop.drive(Deadline::at(loop.now())); }
  void run_until(Duration since_start) { loop.drive(Deadline::at(kStart + since_start)); }

  SimLoop loop;
  LimiterWords words;
  const policy::Limiter limiter;
  std::vector<std::shared_ptr<LimiterCore>> cores;
};

// Since the last look, as all tests of a name count together.
class Count {
 public:
  explicit Count(const Counter& counter) : counter_(counter), before_(counter.value()) {}
  std::uint64_t value() const { return counter_.value() - before_; }

 private:
  const Counter& counter_;
  const std::uint64_t before_;
};

TEST_CASE("WhatOneProcessTakesNoOtherHas") {
  Host host(2, {Limit::rate(1, 1s, 2)});
  CHECK(host.takes(0));
  CHECK(host.takes(1));
  CHECK_FALSE(host.takes(0));
  CHECK_FALSE(host.takes(1));
}

TEST_CASE("ProcessesThatWaitTakeTurns") {
  for (const bool is_single : {true, false}) {
    Host host(4, {Limit::rate(10, 1s), Limit::rate(1000, 1h, is_single ? 1000 : 100)});
    std::vector<std::vector<Operation<Duration>>> waiting(4);
    for (int i = 0; i < 10; ++i) {
      for (std::size_t process = 0; process < 4; ++process) {
        waiting[process].push_back(host.acquire(process));
      }
    }
    host.loop.drive();
    for (std::size_t i = 0; i < 10; ++i) {
      std::vector<Duration> round;
      for (std::size_t process = 0; process < 4; ++process) {
        round.push_back(waited_for(waiting[process][i]));
      }
      const auto [first, last] = std::minmax_element(round.begin(), round.end());
      CHECK(*first >= i * 400ms);
      CHECK(*last < (i + 1) * 400ms);
    }
  }
}

TEST_CASE("APenaltyToldInOneProcessHoldsThoseThatSleepInAnother") {
  Host host(2, {Limit::rate(10, 1s), Limit::strict(100, 1min, 100)});
  CHECK(host.takes(0));
  const auto asleep = host.acquire(1);
  host.settle();
  host.cores[0]->penalize(host.loop.now(), host.loop.now() + 30s);
  CHECK_FALSE(host.takes(1));
  const auto newcomer = host.acquire(0);
  host.loop.drive();
  const Duration first = std::min(waited_for(asleep), waited_for(newcomer));
  const Duration second = std::max(waited_for(asleep), waited_for(newcomer));
  CHECK(first == 30s);
  CHECK(second > 30s);
}

TEST_CASE("WhoseProcessIsWokenTooLateHasTheNextTurn") {
  Host host(2, {Limit::pace({.interval = 100ms})});
  const Count lost(host.cores[0]->metrics().lost);
  CHECK(host.takes(0));
  const auto late = host.acquire(0);
  host.settle();  // it has booked, and sleeps
  const auto booked = host.cores[1]->reserve(host.loop.now(), 1, 1h);
  CHECK(booked.start == kStart + 200ms);
  host.loop.single_turn(199ms);
  host.loop.drive();
  CHECK(waited_for(late) == 300ms);
  CHECK(lost.value() == 1);
}

TEST_CASE("WhoIsWokenALittleLateStarts") {
  Host host(1, {Limit::pace({.interval = 100ms})});
  CHECK(host.takes(0));
  const auto turn = host.acquire(0);
  host.settle();
  host.loop.single_turn(105ms);
  host.loop.drive();
  CHECK(waited_for(turn) == 105ms);
  CHECK(host.cores[0]->reserve(host.loop.now(), 1, 1h).start == kStart + 205ms);
}

TEST_CASE("AProcessThatDiedWithAPartOfItsLimitsBookedCostsItsSlotAlone") {
  Host host(1, {Limit::rate(10, 1s), Limit::rate(1, 1h, 3)});
  host.words.limits[0].store(host.limiter[0].booked(0, 0ns, 1));
  CHECK_FALSE(host.takes(0));
  const auto turn = host.acquire(0);
  host.loop.drive();
  CHECK(waited_for(turn) == 100ms);
  host.run_until(1s);
  CHECK(host.takes(0));
  host.run_until(2s);
  CHECK(host.takes(0));
  host.run_until(3s);
  CHECK_FALSE(host.takes(0));
}

TEST_CASE("AWordThatNobodyCanHaveBookedIsSetAnewAndStartsOneAtATime") {
  for (const bool is_single : {true, false}) {
    for (const std::uint64_t broken : {~std::uint64_t{0}, std::uint64_t{1} << 62}) {
      Host host(1, {Limit::rate(10, 1s, 5), Limit::rate(20, 1s, is_single ? 1 : 5)});
      const Count resets(host.cores[0]->metrics().resets);
      host.run_until(1s);
      host.words.limits[0].store(broken);
      host.words.held_until.store(std::numeric_limits<Duration::rep>::max());
      CHECK(host.takes(0));
      CHECK(resets.value() == 2);
      CHECK_FALSE(host.takes(0));
      host.run_until(1s + 99ms);
      CHECK_FALSE(host.takes(0));
      host.run_until(1s + 100ms);
      CHECK(host.takes(0));
      CHECK(resets.value() == 2);
    }
  }
}

TEST_CASE("WhatIsBookedADayAheadIsNotTakenForBroken") {
  const Limit slow[] = {Limit::rate(1, 24h * 360), Limit::rate(1, 24h * 30, 10),
                        Limit::pace({.interval = 1h, .jitter = 1h, .every = 1, .most_pause = 24h})};
  for (const Limit& limit : slow) {
    Host host(1, {limit});
    const Count resets(host.cores[0]->metrics().resets);
    TimePoint last = kStart;
    for (int i = 0; i < 100; ++i) {
      const auto booking = host.cores[0]->reserve(host.loop.now(), limit.burst(), 24h * 365);
      if (!booking.granted()) break;
      CHECK(booking.start >= last);
      CHECK(booking.start <= kStart + LimiterWord::kLongestAhead);
      last = booking.start;
    }
    host.cores[0]->penalize(host.loop.now(), host.loop.now() + LimiterWord::kLongestPenalty);
    CHECK_FALSE(host.takes(0));
    CHECK(resets.value() == 0);
  }
}

// Every start that was kept, by what each limit promises of any window: with them n further, n + 1
// - burst intervals have passed. The n-th start less n intervals is never far above its least.
void check_windows(std::vector<TimePoint> starts, const policy::Limiter& limiter) {
  std::sort(starts.begin(), starts.end());
  for (std::size_t i = 0; i < limiter.size(); ++i) {
    const std::int64_t interval = limiter[i].interval().count() - 1;  // which is rounded up
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    for (std::size_t n = 0; n < starts.size(); ++n) {
      const std::int64_t ahead =
          static_cast<std::int64_t>(n) * interval - (starts[n] - kStart).count();
      least = std::min(least, ahead);
      REQUIRE(ahead - least <= (limiter[i].burst() - 1) * interval);
    }
  }
}

TEST_CASE("HoweverThreadsMeetInSharedWordsNoLimitLetsThroughTooMany") {
  const std::vector<std::vector<Limit>> cases = {
      {Limit::rate(1000, 1s, 3), Limit::rate(900, 1s, 20)},
      {Limit::rate(900, 1s, 20), Limit::rate(1000, 1s, 3)},
      {Limit::pace({.interval = 1ms, .jitter = 1ms}), Limit::strict(50, 50ms, 10),
       Limit::rate(500, 1s, 4)},
      {Limit::rate(1000, 1s, 3)},
  };
  for (const auto& limits : cases) {
    for (std::uint64_t round = 1; round <= static_cast<std::uint64_t>(test::repeat(3, 30));
         ++round) {
      const policy::Limiter limiter(kStart, limits.data(), limits.size());
      LimiterWords words;
      LimiterMetrics metrics("shared by threads");
      std::atomic<Duration::rep> clock{0};
      std::vector<TimePoint> starts;
      std::mutex mutex;
      std::barrier begin(3);
      std::vector<std::thread> threads;
      for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        threads.emplace_back([&, seed] {
          LimiterWord word(limiter, metrics, &words);  // as each process has one
          Rng rng(seed * 1000 + round);
          std::vector<TimePoint> mine;
          begin.arrive_and_wait();
          for (int i = 0; i < 20'000; ++i) {
            const TimePoint now = kStart + Duration(clock.fetch_add(rng.between(0ns, 1ms).count()));
            const auto booking = word.reserve(now, 1, rng.chance(50) ? 0ns : 5ms);
            if (!booking.granted()) continue;
            if (rng.chance(30)) {
              word.cancel(booking, now);
            } else {
              mine.push_back(booking.start);
            }
          }
          const std::lock_guard lock(mutex);
          starts.insert(starts.end(), mine.begin(), mine.end());
        });
      }
      for (auto& thread : threads) thread.join();
      REQUIRE(starts.size() > 1000);
      check_windows(starts, limiter);
    }
  }
}

LimiterOptions::Values shared(const test::TempDirectory& directory, const std::string& name) {
  return LimiterOptions()
      .name(name)
      .rate(5, 1s)
      .share(Share::kHost)
      .state_dir(directory.path("state"))
      .values();
}

TEST_CASE("LimitersOfOneNameHaveOneWordAndOneSchedule") {
  const test::TempDirectory directory;
  const auto one = share_limiter(shared(directory, "encar"));
  const auto same = share_limiter(shared(directory, "encar"));
  const auto other = share_limiter(shared(directory, "che168"));
  REQUIRE(one.ok());
  REQUIRE(other.ok());
  CHECK(same->words == one->words);
  CHECK(same->seed == one->seed);
  CHECK(other->words != one->words);
  CHECK(other->seed != one->seed);
  CHECK(other->epoch == one->epoch);
}

TEST_CASE("TheStateDirectoryIsASettingAndByDefaultTheUsersOwn") {
  CHECK(LimiterOptions::from(Config()).values().state_dir.empty());
  CHECK(StateFile::default_directory() == "/dev/shm/tidegate-" + std::to_string(::geteuid()));
  Config config;
  REQUIRE(config.set("gate.state_dir", "/run/app").ok());
  CHECK(LimiterOptions::from(config).values().state_dir == "/run/app");
  const auto options = LimiterOptions::from(Service::from(config, "encar"));
  CHECK(options.values().state_dir == "/run/app");
  CHECK(options.values().name == "encar");
  CHECK(options.values().share == Share::kProcess);
}

TEST_CASE("OtherLimitsUnderAUsedNameAreAConfigErrorAndNoNameIsOne") {
  const test::TempDirectory directory;
  const Limiter good(LimiterOptions()
                         .name("encar")
                         .rate(5, 1s)
                         .share(Share::kHost)
                         .state_dir(directory.path("state")));
  CHECK(good.status().ok());
  const LimiterOptions others[] = {
      LimiterOptions().rate(6, 1s),    LimiterOptions().rate(5, 2s),
      LimiterOptions().rate(5, 1s, 2), LimiterOptions().strict(5, 1s),
      LimiterOptions().pace(200ms),    LimiterOptions().rate(5, 1s).rate(50, 1min)};
  for (LimiterOptions other : others) {
    const Limiter limiter(
        other.name("encar").share(Share::kHost).state_dir(directory.path("state")));
    CHECK(limiter.status().cause() == Cause::kConfig);
    CHECK(limiter.status().message().find("limiter 'encar'") != std::string_view::npos);
    CHECK_FALSE(limiter.try_acquire());
  }
  for (const char* name : {"", "limiter"}) {
    const Limiter nameless(LimiterOptions()
                               .name(name)
                               .rate(5, 1s)
                               .share(Share::kHost)
                               .state_dir(directory.path("state")));
    CHECK(nameless.status().cause() == Cause::kConfig);
  }
  const Limiter nowhere(
      LimiterOptions().name("encar").rate(5, 1s).share(Share::kHost).state_dir("relative"));
  CHECK(nowhere.status().cause() == Cause::kConfig);
}

}  // namespace
}  // namespace tidegate::internal
