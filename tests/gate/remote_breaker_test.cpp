// SPDX-License-Identifier: Apache-2.0
// Breakers that share their openings through a store, in virtual time: several processes, a network
// that takes time, answers that are lost, and a store that is down.
#include "gate/remote_breaker.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "gate/breaker_core.hpp"
#include "gate/gate_core.hpp"
#include "gate/limiter_home.hpp"
#include "support/deep.hpp"
#include "support/loop_clock.hpp"
#include "support/sim_loop.hpp"
#include "support/sim_openings.hpp"

namespace tidegate::internal {
namespace {

using namespace std::chrono_literals;
using test::SimLoop;
using test::SimOpenings;
using test::SimOpeningsClient;
using Mode = policy::Breaker::Mode;
using State = BreakerState;

constexpr Duration kPause = RemoteBreaker::kPause;
constexpr int kProbes = 3;

// So many processes, each with a breaker of one name.
class Hosts {
 public:
  explicit Hosts(std::size_t processes, std::uint64_t seed = 0,
                 const BreakerOptions& options = BreakerOptions())
      : loop(seed), store(loop), clock(loop) {
    static int made = 0;  // what is counted is each test's own
    const std::string name = "remote breaker " + std::to_string(++made) + " ";
    for (std::size_t i = 0; i < processes; ++i) {
      BreakerOptions own = options;
      own.name(name + std::to_string(i)).on_change([this, i](const auto& change) {
        told.push_back(std::to_string(i) + " " + std::string(change.why));
      });
      auto core = std::make_shared<BreakerCore>(own.values(), clock, seed + i);
      core->share(loop, std::make_shared<SimOpeningsClient>(store), core, seed * 100 + i);
      cores.push_back(std::move(core));
    }
  }
  ~Hosts() { loop.drive(); }

  BreakerPermit enter(std::size_t process) { return BreakerCore::enter(cores[process]); }
  bool call(std::size_t process, Cause cause = Cause::kNone) {
    BreakerPermit permit = enter(process);
    if (!permit) return false;
    permit.failure(cause);
    return true;
  }
  void trip(std::size_t process) {
    for (int i = 0; i < 20; ++i) call(process, Cause::kConnect);
    REQUIRE(state(process) == State::kOpen);
  }
  State state(std::size_t process) { return cores[process]->stats().state; }
  bool all_are(State what) {
    return std::all_of(cores.begin(), cores.end(),
                       [&](const auto& core) { return core->stats().state == what; });
  }
  Duration left(std::size_t process) { return cores[process]->stats().retry_after; }
  void run_for(Duration time) { loop.drive(Deadline::at(loop.now() + time)); }
  // Long enough that who is called is told.
  void let_all_hear() {
    run_for(kPause + 50ms);
    for (std::size_t i = 0; i < cores.size(); ++i) enter(i).cancel();
    run_for(kPause + 50ms);
  }

  SimLoop loop;
  SimOpenings store;
  test::LoopClock clock;
  std::vector<std::string> told;
  std::vector<std::shared_ptr<BreakerCore>> cores;
};

TEST_CASE("WhatOneHasOpenedIsOpenInAllUntilThenAndUpToATenthLonger") {
  Hosts hosts(4);
  hosts.store.latency = {1ms, 5ms};
  hosts.trip(0);
  hosts.let_all_hear();
  CHECK(hosts.all_are(State::kOpen));
  for (std::size_t i = 1; i < 4; ++i) {
    CHECK_FALSE(hosts.call(i));
    CHECK(hosts.left(i) > hosts.left(0) - 1ms);
    CHECK(hosts.left(i) <= hosts.left(0) + 600ms);
  }
  REQUIRE(hosts.told.size() == 4);
  CHECK(hosts.told[3].ends_with(": 20 of 20 calls failed"));
}

TEST_CASE("WhoAreToldDoNotComeBackAtTheSameTime") {
  Hosts hosts(6, 5);
  hosts.trip(0);
  hosts.let_all_hear();
  std::vector<Duration> times;
  for (std::size_t i = 1; i < 6; ++i) times.push_back(hosts.left(i));
  std::sort(times.begin(), times.end());
  CHECK(times.back() - times.front() > 50ms);
  CHECK(std::adjacent_find(times.begin(), times.end()) == times.end());
}

TEST_CASE("WhoHasNotHeardThatItWasOpenedAnewDoesNotCloseIt") {
  using policy::Breaker;
  const policy::BreakerRecord open{.state = Breaker::State::kOpen, .openings = 2, .left = 5s};
  CHECK_FALSE(policy::takes(open, {.is = {}, .was_closed = false}));
  CHECK_FALSE(policy::takes(open, {.is = {}, .was_closed = true}));
  const policy::BreakerRecord tried{.state = Breaker::State::kHalfOpen, .openings = 2, .left = 5s};
  CHECK(policy::takes(tried, {.is = {}, .was_closed = false}));
  CHECK_FALSE(policy::takes({}, {.is = tried, .was_closed = false}));
}

TEST_CASE("AQuestionIsAskedAtMostOnceInAPauseAndNoneWithoutCalls") {
  Hosts hosts(1);
  hosts.store.latency = {1ms, 1ms};
  hosts.loop.drive();
  CHECK(hosts.store.questions == 0);
  for (int i = 0; i < 1000; ++i) {
    hosts.call(0);
    hosts.run_for(1ms);
  }
  CHECK(hosts.store.questions >= 3);
  CHECK(hosts.store.questions <= 4);
  hosts.loop.drive();
  CHECK(hosts.loop.timers() == 0);
  const int before = hosts.store.questions;
  hosts.run_for(1h);
  CHECK(hosts.store.questions == before);
  CHECK(hosts.store.changes == 0);
}

TEST_CASE("OnlyChangesAreWritten") {
  Hosts hosts(2);
  for (int i = 0; i < 100; ++i) {
    hosts.call(0, i % 3 == 0 ? Cause::kConnect : Cause::kNone);
    hosts.call(1);
    hosts.run_for(10ms);
  }
  CHECK(hosts.store.changes == 0);
  for (int i = 0; i < 100; ++i) hosts.call(0, Cause::kConnect);
  hosts.run_for(kPause);
  CHECK(hosts.store.changes == 1);
}

TEST_CASE("TheFirstWhoseProbesSucceedClosesItForAll") {
  Hosts hosts(3);
  hosts.store.latency = {1ms, 2ms};
  hosts.trip(0);
  hosts.let_all_hear();
  hosts.run_for(hosts.left(0));
  for (int i = 0; i < kProbes; ++i) CHECK(hosts.call(0));
  CHECK(hosts.state(0) == State::kClosed);
  hosts.let_all_hear();
  CHECK(hosts.all_are(State::kClosed));
  CHECK(hosts.call(1));
  hosts.trip(1);
  CHECK(hosts.left(1) <= 6s);  // from the start
}

TEST_CASE("ProbesThatFailOpenItAgainForAllForTheGrownTime") {
  Hosts hosts(3);
  hosts.store.latency = {1ms, 2ms};
  hosts.trip(0);
  Duration before = hosts.left(0);
  for (std::size_t round = 0; round < 3; ++round) {
    hosts.let_all_hear();
    hosts.run_for(hosts.left(round));  // another one each time
    while (hosts.state(round) != State::kHalfOpen) {
      hosts.enter(round).cancel();
      hosts.run_for(10ms);
    }
    while (hosts.state(round) == State::kHalfOpen) hosts.call(round, Cause::kConnect);
    CHECK(hosts.left(round) > before);
    before = hosts.left(round);
    hosts.let_all_hear();
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(hosts.state(i) == State::kOpen);
      CHECK(hosts.left(i) > before - 1s);
    }
  }
  CHECK(before > 30s);  // 5 s, doubled three times
}

TEST_CASE("OfTwoWhoOpenItAtOnceTheFirstHasDecidedForHowLong") {
  Hosts hosts(2);
  hosts.store.latency = {5ms, 5ms};
  hosts.trip(0);
  hosts.trip(1);
  hosts.run_for(kPause);
  CHECK(hosts.store.changes == 1);
  CHECK(hosts.store.now().left == hosts.left(0) - hosts.left(0) % 1ms + 5ms);
  CHECK(hosts.left(1) >= hosts.left(0));
  CHECK(hosts.left(1) <= hosts.left(0) * 11 / 10 + 10ms);
}

TEST_CASE("WhileOneTriesItWhoHearsOfItWaitsUntilItsProbesHaveHadTheirTime") {
  Hosts hosts(2);
  hosts.store.latency = {1ms, 1ms};
  hosts.trip(0);
  hosts.let_all_hear();
  hosts.run_for(hosts.left(0));
  const BreakerPermit probe = hosts.enter(0);
  CHECK(probe);
  hosts.let_all_hear();
  hosts.let_all_hear();
  CHECK(hosts.state(0) == State::kHalfOpen);
  CHECK(hosts.state(1) == State::kOpen);
  CHECK(hosts.left(1) > 8s);
  // It is gone: the other one tries, when the time of a probe is over.
  hosts.run_for(hosts.left(1));
  for (int i = 0; i < kProbes; ++i) CHECK(hosts.call(1));
  hosts.let_all_hear();
  CHECK(hosts.all_are(State::kClosed));
}

TEST_CASE("OfManyWhoComeBackAtOnceEachLetsInItsProbesAtMostAndOneIsLeftThatTries") {
  Hosts hosts(20, 3);
  hosts.store.latency = {1ms, 2ms};
  hosts.trip(0);
  hosts.let_all_hear();
  hosts.run_for(hosts.left(0) + 2s);  // of nobody's time there is anything left
  std::vector<BreakerPermit> probes;
  for (std::size_t i = 0; i < 20; ++i) {
    for (int call = 0; call < 10; ++call) {
      BreakerPermit permit = hosts.enter(i);
      if (permit) probes.push_back(std::move(permit));
    }
  }
  CHECK(probes.size() == 20 * kProbes);
  hosts.let_all_hear();
  int trying = 0;
  for (std::size_t i = 0; i < 20; ++i) trying += hosts.state(i) == State::kHalfOpen ? 1 : 0;
  CHECK(trying == 1);
  for (BreakerPermit& probe : probes) probe.success();
  hosts.let_all_hear();
  CHECK(hosts.all_are(State::kClosed));
}

TEST_CASE("WhileTheStoreIsDownEachCountsAndOpensForItselfAndThenTheyAgree") {
  Hosts hosts(3);
  hosts.store.is_down = true;
  hosts.trip(0);
  hosts.let_all_hear();
  CHECK(hosts.state(1) == State::kClosed);
  CHECK(hosts.cores[0]->stats().redis_failures > 0);
  CHECK(hosts.cores[0]->stats().redis_answers == 0);
  hosts.trip(1);
  hosts.let_all_hear();
  CHECK(hosts.state(2) == State::kClosed);
  hosts.store.is_down = false;
  hosts.let_all_hear();
  hosts.let_all_hear();
  CHECK(hosts.all_are(State::kOpen));
  CHECK(hosts.cores[0]->stats().redis_answers > 0);
  CHECK(hosts.store.changes == 1);
}

TEST_CASE("AStoreThatIsDownIsAskedOnceInAPause") {
  Hosts hosts(1);
  hosts.store.is_down = true;
  hosts.trip(0);
  hosts.loop.drive();
  const int before = hosts.store.questions;
  for (int i = 0; i < 1000; ++i) {
    hosts.call(0);
    hosts.run_for(1ms);
  }
  CHECK(hosts.store.questions - before >= 3);
  CHECK(hosts.store.questions - before <= 5);
}

TEST_CASE("WhoseAnswerIsLostKnowsItsOwnChangeAgain") {
  Hosts hosts(1);
  hosts.store.latency = {1ms, 1ms};
  hosts.store.lost = 100;
  hosts.trip(0);
  const Duration before = hosts.left(0);
  hosts.run_for(kPause);
  CHECK(hosts.store.changes == 1);
  hosts.store.lost = 0;
  hosts.let_all_hear();
  CHECK(hosts.left(0) < before);
  const std::size_t told = hosts.told.size();
  hosts.run_for(hosts.left(0));
  hosts.store.lost = 100;
  BreakerPermit probe = hosts.enter(0);
  hosts.run_for(kPause + 50ms);
  hosts.store.lost = 0;
  hosts.let_all_hear();
  CHECK(hosts.state(0) == State::kHalfOpen);  // and not open, for somebody tries it
  probe.success();
  CHECK(hosts.told.size() == told + 1);
}

TEST_CASE("OrdersHoldForAllUntilTheNext") {
  Hosts hosts(3);
  const auto modes_are = [&](BreakerMode mode) {
    return std::all_of(hosts.cores.begin(), hosts.cores.end(),
                       [&](const auto& core) { return core->stats().mode == mode; });
  };
  hosts.trip(1);
  hosts.cores[0]->force(Mode::kForcedOpen);
  hosts.let_all_hear();
  CHECK(modes_are(BreakerMode::kForcedOpen));
  hosts.run_for(24h);
  CHECK_FALSE(hosts.call(1));
  CHECK_FALSE(hosts.call(2));
  hosts.cores[2]->force(Mode::kDisabled);
  hosts.let_all_hear();
  CHECK(modes_are(BreakerMode::kDisabled));
  for (int i = 0; i < 30; ++i) CHECK(hosts.call(0, Cause::kConnect));
  hosts.cores[1]->force(Mode::kAutomatic);
  hosts.let_all_hear();
  CHECK(modes_are(BreakerMode::kAutomatic));
  CHECK(hosts.all_are(State::kClosed));
  hosts.trip(0);
  hosts.let_all_hear();
  CHECK(hosts.all_are(State::kOpen));
}

TEST_CASE("WhatTheStoreForgetsNobodyForgets") {
  Hosts hosts(2);
  hosts.trip(0);
  hosts.let_all_hear();
  hosts.store.forget();
  hosts.let_all_hear();
  CHECK(hosts.all_are(State::kOpen));
  hosts.run_for(10s);
  for (int i = 0; i < kProbes; ++i) CHECK(hosts.call(1));
  hosts.let_all_hear();
  CHECK(hosts.all_are(State::kClosed));
}

TEST_CASE("OneThatComesLaterBeginsAsTheOthersAre") {
  Hosts hosts(2);
  hosts.trip(0);
  hosts.run_for(kPause);
  CHECK(hosts.call(1));  // the first is not held up
  hosts.run_for(1ms);
  CHECK_FALSE(hosts.call(1));
}

TEST_CASE("ACallOfBeforeItWasToldDoesNotCount") {
  Hosts hosts(2);
  std::vector<BreakerPermit> running;
  for (int i = 0; i < 30; ++i) running.push_back(hosts.enter(1));
  hosts.trip(0);
  hosts.let_all_hear();
  hosts.run_for(hosts.left(0));
  for (int i = 0; i < kProbes; ++i) CHECK(hosts.call(0));
  hosts.let_all_hear();
  REQUIRE(hosts.all_are(State::kClosed));
  for (BreakerPermit& permit : running) permit.failure(Cause::kConnect);
  CHECK(hosts.state(1) == State::kClosed);
}

TEST_CASE("NothingIsLearntForABreakerThatIsGone") {
  Hosts hosts(2);
  hosts.store.latency = {5ms, 5ms};
  hosts.trip(0);
  hosts.enter(1).cancel();
  hosts.run_for(3ms);
  hosts.cores[1].reset();
  hosts.cores.pop_back();
  hosts.run_for(kPause);
  const std::weak_ptr<BreakerCore> gone = hosts.cores[0];
  hosts.cores.clear();
  CHECK(gone.expired());
  hosts.loop.drive();
  CHECK(hosts.loop.timers() == 0);
}

TEST_CASE("WhereNothingCanBePostedItGoesOnByItself") {
  Hosts hosts(1);
  hosts.loop.refuses_posts = true;
  hosts.trip(0);
  hosts.run_for(hosts.left(0));
  for (int i = 0; i < kProbes; ++i) CHECK(hosts.call(0));
  CHECK(hosts.state(0) == State::kClosed);
  hosts.loop.refuses_posts = false;
  hosts.trip(0);
  hosts.run_for(kPause);
  CHECK(hosts.store.changes == 1);
}

// Processes that call at random times a service that is down now and then, over a network that loses
// answers, with a store that is down at times and forgets. In each generation of each breaker there are
// its probes at most; and once all works they agree.
TEST_CASE("WhateverFailsEachProcessKeepsItsRulesAndOnceAllWorksTheyAgree") {
  const int seeds = test::repeat(15, 400);
  for (int seed = 1; seed <= seeds; ++seed) {
    CAPTURE(seed);
    Hosts hosts(4, static_cast<std::uint64_t>(seed),
                BreakerOptions().consecutive(3).open_for(1s, 8s).probe_timeout(2s));
    Rng rng(static_cast<std::uint64_t>(seed));
    hosts.store.latency = {0ms, 20ms};
    bool is_service_up = true;
    std::vector<std::pair<std::size_t, BreakerPermit>> running;
    for (int step = 0; step < 1500; ++step) {
      if (rng.chance(1)) is_service_up = !is_service_up;
      if (rng.chance(1)) hosts.store.is_down = !hosts.store.is_down;
      if (rng.chance(1)) hosts.store.lost = hosts.store.lost ? 0 : 30;
      if (step % 500 == 499) hosts.store.forget();
      const auto process = static_cast<std::size_t>(rng.below(4));
      BreakerPermit permit = hosts.enter(process);
      if (permit) running.emplace_back(process, std::move(permit));
      REQUIRE(hosts.cores[process]->stats().probing <= kProbes);
      if (!running.empty() && rng.chance(70)) {
        const auto index = static_cast<std::ptrdiff_t>(rng.below(running.size()));
        BreakerPermit& ended = running[static_cast<std::size_t>(index)].second;
        is_service_up ? ended.success() : ended.failure(Cause::kConnect);
        running.erase(running.begin() + index);
      }
      hosts.run_for(static_cast<int>(rng.below(100)) * 1ms);
    }
    running.clear();
    hosts.store.is_down = false;
    hosts.store.lost = 0;
    for (int step = 0; step < 2000; ++step) {
      hosts.call(static_cast<std::size_t>(rng.below(4)));
      hosts.run_for(20ms);
    }
    CHECK(hosts.all_are(State::kClosed));
    hosts.trip(0);
    hosts.let_all_hear();
    CHECK(hosts.all_are(State::kOpen));
  }
}

TEST_CASE("OneThatOpenedItIsTheFirstToTryItWhereAllAreCalledAllTheTime") {
  Hosts hosts(10, 7);
  hosts.store.latency = {1ms, 2ms};
  for (std::size_t i = 1; i < 10; ++i) hosts.call(i);
  hosts.trip(0);
  std::vector<std::size_t> probes(10);
  for (int step = 0; step < 8000; ++step) {
    for (std::size_t i = 0; i < 10; ++i) {
      const bool tries = hosts.call(i, step < 50 ? Cause::kCancelled : Cause::kNone);
      if (tries && step > 1000 && hosts.state(i) != State::kClosed) ++probes[i];
    }
    hosts.run_for(1ms);
  }
  CHECK(hosts.all_are(State::kClosed));
  std::size_t all = 0;
  for (const std::size_t each : probes) all += each;
  CHECK(probes[0] >= 2);  // the last one closes it
  CHECK(all <= 10 * kProbes);
}

TEST_CASE("WhatIsToldForLongerThanOnesOwnLongestIsCutToThat") {
  Hosts hosts(1, 3, BreakerOptions().open_for(1s, 2s).probe_timeout(1s));
  hosts.store.id = "abc";
  hosts.store.kept = {.state = policy::Breaker::State::kOpen, .openings = 3};
  hosts.store.until = hosts.loop.now() + 24h;
  hosts.enter(0).cancel();
  hosts.run_for(kPause);
  CHECK(hosts.state(0) == State::kOpen);
  CHECK(hosts.left(0) > 1s);
  CHECK(hosts.left(0) <= 2400ms);
}

TEST_CASE("WhoWaitsBeforeAGateIsRefusedWhenItHearsThatItIsOpen") {
  Hosts hosts(1);
  GateOptions options("remote gate");
  options.concurrency(1).breaker(BreakerOptions().name("remote gate"));
  const auto gate =
      GateCore::make(hosts.loop, {.clock = hosts.clock, .coarse = hosts.clock}, options.values(),
                     limiter_of(LimiterOptions().values(), hosts.loop.now(), 0),
                     {.limits = nullptr,
                      .breaker = nullptr,
                      .openings = std::make_shared<SimOpeningsClient>(hosts.store)},
                     5);
  GatePermit inside = gate->try_enter();
  REQUIRE(inside);
  const auto waiting = gate->acquire(hosts.loop.now(), Deadline::never(), GatePriority::kNormal);
  hosts.trip(0);
  hosts.run_for(kPause + 50ms);
  CHECK_FALSE(waiting.done());
  inside.cancel();  // and nobody else is let in
  hosts.run_for(1ms);
  GatePermit next = gate->try_enter();
  hosts.run_for(50ms);
  REQUIRE(waiting.done());
  CHECK_FALSE(next);
}

}  // namespace
}  // namespace tidegate::internal
