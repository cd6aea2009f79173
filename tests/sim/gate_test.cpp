// SPDX-License-Identifier: Apache-2.0
//
// A gate under callers that come, wait, give up, fail and are told to come again, with limits, slots,
// priorities and a breaker drawn from the seed, in virtual time. What it did is a list of events, and
// the list is held against what a gate promises.
//
// The promises, and who checks them with seeds. "Here" is this file.
//   window, strict, never early   here; EveryWindowOfARandomTraceHoldsWhatIsPromisedAndNoRefusalLies
//   no slot is lost, hand-over    here; UnderSteadyDemandNoSlotIsLost,
//                                 UnderARandomMixOfCancelsNoSlotIsLostAndNoneIsEarly,
//                                 WhateverIsCancelledWhenNoSlotAndNoStartIsLost
//   refusals: free and truthful   here; EveryWindowOfARandomTraceHoldsWhatIsPromisedAndNoRefusalLies
//   deadline, order, penalty      here
//   a rate that adapts            here; the curve itself: cubic_rate_test (policy)
//   a clock that stands or leaps  here; back: AClockThatStandsOrGoesBackGrantsNothingMoreAndBlocksNoLonger
//   processes as one              HoweverThreadsMeetInSharedWordsNoLimitLetsThroughTooMany,
//                                 ProcessesTogetherStartNeitherMoreNorLessThanIsPromisedWhoeverIsKilled
//   breaker                       here; WhateverComesItsStatesFollowTheirRulesAndProbesStayBounded,
//                                 WhateverStoodInTheWordsAServiceThatWorksIsLetInAgain
//   0 <= inside <= limit          here; A gate keeps its bounds whatever becomes of the requests behind it
//   retry budget, hedges          ExtraAttemptsStayWithinTheBudgetOverEveryWindow (policy),
//                                 The slowest in a hundred are five times as fast for a tenth more requests
#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/sleep.hpp"
#include "gate/gate_core.hpp"
#include "gate/limiter_home.hpp"
#include "policy/cubic_rate.hpp"
#include "support/flow.hpp"
#include "support/loop_clock.hpp"
#include "support/seeds.hpp"
#include "support/sim_loop.hpp"

namespace tidegate::internal {
namespace {

using namespace std::chrono_literals;
using policy::Limit;
using test::Flow;
using test::LoopClock;
using test::SimLoop;

constexpr TimePoint kStart = SimLoop::kStart;
constexpr Duration kMaxPenalty = 400ms;

// One limit, as it is promised.
struct Promise {
  enum class Kind { kRate, kStrict, kPace };
  Kind kind;
  Limit limit;
  Duration interval;
  std::size_t permits;  // strict: in a window
  Duration window;
};

Promise draw_promise(Rng& rng) {
  const Duration interval = static_cast<int>(1 + rng.below(60)) * 1ms;
  const auto burst = static_cast<std::uint32_t>(1 + rng.below(4));
  switch (rng.below(3)) {
    case 0: return {Promise::Kind::kRate, Limit::rate(10, 10 * interval, burst), interval, 0, {}};
    case 1: {
      const std::size_t permits = burst + rng.below(8);
      const Duration window = static_cast<int>(permits - burst + 1) * interval;
      return {Promise::Kind::kStrict, Limit::strict(permits, window, burst), interval, permits,
              window};
    }
    default: {
      Limit::Pace pace{.interval = interval, .jitter = rng.chance(50) ? interval / 2 : 0ms};
      if (rng.chance(50)) {
        pace.every = static_cast<std::uint16_t>(2 + rng.below(6));
        pace.least_pause = interval;
        pace.most_pause = 3 * interval;
      }
      pace.seed = rng.next();
      return {Promise::Kind::kPace, Limit::pace(pace), interval, 0, {}};
    }
  }
}

struct Setting {
  explicit Setting(std::uint64_t seed) : rng(seed) {
    for (auto count = rng.below(4); count > 0; --count) promises.push_back(draw_promise(rng));
    slots = rng.chance(60) ? 1 + rng.below(4) : 0;
    queue = 3 + rng.below(20);
    options.concurrency(slots).queue(queue).max_penalty(kMaxPenalty);
    probes = static_cast<int>(1 + rng.below(3));
    has_breaker = rng.chance(40);
    has_stalls = rng.chance(25);
    has_penalties = rng.chance(40);
    is_ordered = rng.chance(50);
    if (has_stalls && rng.chance(60)) keep_busy();
    failing = rng.chance(50) ? static_cast<unsigned>(rng.below(90)) : 5;
    if (!has_stalls && rng.chance(30)) {
      adapts = true;
      options.adaptive_rate();
    }
  }

  // Nothing but limits is in the way, so that a stall finds somebody who waits and is followed by all
  // that may start.
  void keep_busy() {
    while (promises.size() > 1) promises.pop_back();
    slots = 0;
    options.concurrency(0);
    has_breaker = has_penalties = false;
    is_patient = true;
  }

  policy::Limiter limiter() const {
    std::vector<Limit> limits;
    for (const Promise& each : promises) limits.push_back(each.limit);
    if (limits.empty()) return limiter_of({}, {{nullptr, kStart, 0}});
    return {kStart, limits.data(), limits.size()};
  }

  Rng rng;
  std::vector<Promise> promises;
  std::size_t slots;
  std::size_t queue;
  GateOptions options{"gate-seeds"};
  int probes;
  bool has_breaker;
  bool has_stalls;
  bool has_penalties;
  bool is_patient = false;
  bool adapts = false;  // and then says "too often" without a time as well
  bool is_ordered;      // the flows of a turn in the order in which they became ready
  unsigned failing;
};

struct Caller {
  bool only_tries;
  GatePriority priority;
  Deadline until;
  Duration holds;
  unsigned outcome;
  Duration told;      // to come again, by a 429
  bool is_too_often;  // as a 429 says that names no time
  std::size_t arrived = 0;
  TimePoint arrived_at{};
  std::unique_ptr<Flow> flow;
};

struct Event {
  enum class Kind { kStarted, kPenalty, kFreed };
  Kind kind;
  TimePoint time;
  const Caller* caller;
  Duration penalty;
};

class Play {
 public:
  explicit Play(std::uint64_t seed, bool has_noise)
      : set_(seed),
        has_noise_(has_noise),
        loop_(set_.is_ordered ? 0 : seed),
        limiter_(set_.limiter()) {
    if (set_.has_breaker) {
      set_.options.breaker(BreakerOptions()
                               .name("gate-seeds")
                               .consecutive(static_cast<int>(1 + set_.rng.below(4)))
                               .min_calls(4)
                               .probes(set_.probes)
                               .probe_timeout(1s)
                               .open_for(100ms, 400ms)
                               .on_change([this](const BreakerChange& change) { see(change); }));
    }
    core_ = GateCore::make(loop_, GateCore::Clocks{.clock = clock_, .coarse = clock_},
                           set_.options.values(), limiter_, GateCore::Shared{}, seed);
  }

  // All of it; the same for the same seed.
  std::uint64_t run() {
    for (int step = 0; step < 60; ++step) {
      act();
      loop_.drive(Deadline::at(loop_.now()));
      look();
      if (has_noise_) ask_in_vain();
      if (set_.rng.chance(65)) loop_.drive(Deadline::at(loop_.now() + set_.rng.between(0ms, 40ms)));
      look();
    }
    loop_.drive();
    check_end();
    check_starts();
    if (!set_.has_stalls) check_schedule();
    check_alone();
    for (const Event& event : events_) {
      loop_.trace(static_cast<std::uint64_t>((event.time - kStart).count()));
      loop_.trace(static_cast<std::uint64_t>(event.kind));
    }
    return loop_.trace_hash();
  }

  std::size_t starts() const { return starts_.size(); }
  std::size_t waited() const { return waited_; }
  std::size_t changes() const { return changes_; }

 private:
  void act() {
    Rng& rng = set_.rng;
    const std::uint64_t what = rng.below(100);
    if (what < 70) {
      arrive();
    } else if (what < 82 && !callers_.empty()) {
      callers_[rng.below(callers_.size())].flow->scope().cancel(Cause::kCancelled);
    } else if (what < 86 && set_.has_penalties) {
      const Duration time = rng.between(1ms, 2 * kMaxPenalty);
      core_->penalize(loop_.now(), time);
      note_penalty(time);
    } else if (what < 90 && set_.has_stalls) {
      loop_.drive(Deadline::at(loop_.now()));
      loop_.single_turn(rng.between(0ms, rng.chance(50) ? 20ms : 5000ms));
    }
  }

  void arrive() {
    Rng& rng = set_.rng;
    Caller& caller = callers_.emplace_back();
    caller.only_tries = rng.chance(15);
    caller.priority = static_cast<GatePriority>(rng.below(3));
    caller.until = set_.is_patient || rng.chance(30)
                       ? Deadline()
                       : Deadline::at(loop_.now() + rng.between(0ms, 400ms));
    caller.holds = rng.between(0ms, 60ms);
    caller.outcome = rng.chance(set_.failing) ? 1 : static_cast<unsigned>(rng.below(3) * 2);
    caller.told = set_.has_penalties && rng.chance(10) ? rng.between(1ms, 2 * kMaxPenalty) : 0ms;
    caller.is_too_often = set_.adapts && rng.chance(15);
    caller.flow = std::make_unique<Flow>(loop_, call(this, &caller));
  }

  static Task<void> call(Play* play, Caller* me) {
    play->come(*me);
    std::optional<GatePermit> permit;
    if (me->only_tries) {
      permit.emplace(play->core_->try_enter());
      if (!*permit) {
        play->refuse(*me, permit->cause(), permit->retry_after());
        co_return;
      }
    } else {
      GateTurn turn = co_await play->core_->enter(me->priority, me->until);
      if (!turn.held()) {
        play->refuse(*me, turn.status().cause(), turn.status().retry_after());
        co_return;
      }
      auto starting = play->core_->start(std::move(turn));
      auto entered = co_await std::move(starting);
      if (!entered.ok()) {
        play->refuse(*me, entered.status().cause(), entered.status().retry_after());
        co_return;
      }
      permit.emplace(std::move(*entered));
    }
    play->enter(*me);
    const TimePoint over = play->loop_.now() + me->holds;
    const Cause woken = co_await sleep_until(over);
    play->leave(*me, *permit, woken);
  }

  void come(Caller& caller) {
    caller.arrived = ++arrived_;
    caller.arrived_at = loop_.now();
    waiting_before_ = core_->stats().waiting;
  }

  void enter(Caller& caller) {
    const TimePoint now = loop_.now();
    if (!set_.has_stalls) REQUIRE((caller.only_tries || !caller.until.passed(now - 1ns)));
    REQUIRE(now >= held_until_);
    // First come, first served, and nobody who only tries is before one that waits.
    std::size_t& last = last_[static_cast<std::size_t>(caller.priority)];
    if (caller.only_tries) {
      REQUIRE(waiting_before_ == 0);
    } else {
      REQUIRE(caller.arrived > last);
      last = caller.arrived;
      waited_ += now > caller.arrived_at ? 1 : 0;
    }
    ++inside_;
    REQUIRE((set_.slots == 0 || inside_ <= set_.slots));
    REQUIRE(core_->stats().inside >= inside_);
    starts_.push_back(now);
    events_.push_back({Event::Kind::kStarted, now, &caller, {}});
    if (set_.adapts) {
      rate_.started(now);
      note_gap();
    }
  }

  void leave(const Caller& caller, GatePermit& permit, Cause woken) {
    --inside_;
    events_.push_back({Event::Kind::kFreed, loop_.now(), nullptr, {}});
    if (woken != Cause::kNone) return;  // its end is that of the permit
    if (set_.adapts && (caller.told > 0ms || caller.is_too_often)) {
      rate_.pushed_back(loop_.now());
      note_gap();
    }
    if (caller.told > 0ms) {
      note_penalty(caller.told);
      permit.http_status(429, caller.told);
    } else if (caller.is_too_often) {
      permit.http_status(429);
    } else if (caller.outcome == 1) {
      permit.failure(Cause::kConnect);
    } else if (caller.outcome == 2) {
      permit.cancel();
    } else {
      permit.http_status(200);
    }
  }

  // Each refusal has its reason.
  void refuse(const Caller& caller, Cause cause, std::optional<Duration> retry_after) {
    const TimePoint now = loop_.now();
    events_.push_back({Event::Kind::kFreed, now, nullptr, {}});
    const Duration left = caller.only_tries ? 0ns : caller.until.left(now);
    switch (cause) {
      case Cause::kCancelled: break;
      case Cause::kRateLimited: REQUIRE((left == 0ns || *retry_after > left)); break;
      case Cause::kPoolTimeout:
        REQUIRE(set_.slots > 0);
        REQUIRE((caller.only_tries || left == 0ns));
        break;
      case Cause::kQueueFull: REQUIRE(waiting_before_ >= set_.queue); break;
      case Cause::kCircuitOpen:
        REQUIRE(set_.has_breaker);
        REQUIRE(*retry_after > 0ns);
        break;
      default: FAIL("refused for ", static_cast<int>(cause));
    }
    if (!set_.has_stalls && !caller.only_tries) REQUIRE(!caller.until.passed(now - 1ns));
  }

  void note_penalty(Duration time) { note_held(std::min(time, kMaxPenalty)); }
  // What a rate that adapts asks for between this start, or this answer, and the next start.
  void note_gap() { note_held(rate_.gap(loop_.now())); }
  void note_held(Duration time) {
    if (time == 0ns) return;
    held_until_ = std::max(held_until_, loop_.now() + time);
    events_.push_back({Event::Kind::kPenalty, loop_.now(), nullptr, time});
  }

  void see(const BreakerChange& change) {
    ++changes_;
    REQUIRE(change.from == breaker_);
    REQUIRE((change.from != BreakerState::kClosed || change.to == BreakerState::kOpen));
    REQUIRE((change.from != BreakerState::kOpen || change.to == BreakerState::kHalfOpen));
    REQUIRE(change.from != change.to);
    breaker_ = change.to;
  }

  void look() {
    const GateStats stats = core_->stats();
    REQUIRE(stats.inside >= inside_);
    if (set_.slots > 0) REQUIRE(stats.inside <= set_.slots);
    REQUIRE(stats.waiting <= set_.queue);
    if (!stats.breaker) return;
    REQUIRE(stats.breaker->probing <= static_cast<std::uint64_t>(set_.probes));
    REQUIRE(stats.breaker->state == breaker_);
  }

  // Refusals that the run must not notice.
  void ask_in_vain() {
    if (core_->stats().waiting == 0) return;
    REQUIRE_FALSE(core_->try_enter());
    const auto late = core_->acquire(loop_.now(), Deadline::at(loop_.now()), GatePriority::kHigh);
    REQUIRE(late.done());
    REQUIRE_FALSE(late.wait().ok());
  }

  void check_end() {
    for (Caller& each : callers_) {
      REQUIRE(each.flow->over);
      REQUIRE(each.flow->error == nullptr);
      each.flow.reset();
    }
    REQUIRE(inside_ == 0);
    REQUIRE(core_->stats().inside == 0);
    REQUIRE(core_->stats().waiting == 0);
    REQUIRE(loop_.roots() == 0);
    REQUIRE(loop_.timers() == 0);
  }

  // How many starts a window of each limit holds. A rate makes up for what was late by less than its
  // interval, or 10 ms.
  void check_starts() const {
    for (const Promise& promise : set_.promises) {
      const Duration late =
          set_.has_stalls ? std::max(promise.interval, policy::Limiter::kMadeUpFor) : 0ns;
      for (std::size_t first = 0; first < starts_.size(); ++first) {
        if (promise.kind == Promise::Kind::kPace && first > 0) {
          REQUIRE(starts_[first] - starts_[first - 1] >= promise.interval);
        }
        if (promise.kind == Promise::Kind::kStrict && first >= promise.permits) {
          REQUIRE(starts_[first] - starts_[first - promise.permits] >= promise.window);
        }
        if (promise.kind != Promise::Kind::kRate) continue;
        for (std::size_t last = first; last < starts_.size(); ++last) {
          const Duration window = starts_[last] - starts_[first] + late;
          const auto held = static_cast<Duration::rep>(last - first + 1);
          REQUIRE(held <= promise.limit.burst() + window / promise.interval);
        }
      }
    }
  }

  // Each start is one that the limits allow, and who waited could not have started before: what
  // others gave up has cost nothing.
  void check_schedule() const {
    policy::Limiter::State state{};
    TimePoint freed{};
    for (const Event& event : events_) {
      if (event.kind == Event::Kind::kFreed) {
        freed = event.time;
      } else if (event.kind == Event::Kind::kPenalty) {
        state = limiter_.penalized(state, event.time, event.time + event.penalty);
      } else {
        REQUIRE(limiter_.wait(state, event.time, 1) == 0ns);
        const bool is_as_soon_as_it_can_be = event.time == event.caller->arrived_at ||
                                             event.time == freed ||
                                             limiter_.wait(state, event.time - 1ns, 1) > 0ns;
        REQUIRE(is_as_soon_as_it_can_be);
        state = limiter_.reserve(state, event.time, 1, 0ns).after;
      }
    }
  }

  // Who is alone and comes again exactly when it was told to is let in.
  void check_alone() {
    for (int call = 0; call < 6; ++call) {
      GatePermit permit = core_->try_enter();
      for (int told = 0; !permit && told < 3; ++told) {
        const Cause cause = permit.cause();
        REQUIRE(cause != Cause::kPoolTimeout);
        const TimePoint again = loop_.now() + permit.retry_after();
        if (cause == Cause::kRateLimited) {
          loop_.drive(Deadline::at(again - 1ns));
          REQUIRE_FALSE(core_->try_enter());
        }
        loop_.drive(Deadline::at(again));
        permit = core_->try_enter();
        if (!permit) REQUIRE(permit.cause() != cause);
      }
      REQUIRE(permit);
      permit.success();
    }
    if (set_.has_breaker) REQUIRE(core_->stats().breaker->state == BreakerState::kClosed);
  }

  Setting set_;
  const bool has_noise_;
  SimLoop loop_;
  const LoopClock clock_{loop_};
  const policy::Limiter limiter_;
  policy::CubicRate rate_;
  BreakerState breaker_ = BreakerState::kClosed;
  std::size_t changes_ = 0;
  std::shared_ptr<GateCore> core_;
  std::deque<Caller> callers_;
  std::vector<Event> events_;
  std::vector<TimePoint> starts_;
  std::size_t arrived_ = 0;
  std::size_t waiting_before_ = 0;
  std::size_t waited_ = 0;
  std::size_t inside_ = 0;
  TimePoint held_until_{};
  std::size_t last_[3] = {};
};

TEST_CASE("Whatever comes a gate keeps its promises and refusals leave no trace [L3]") {
  std::size_t starts = 0;
  std::size_t waited = 0;
  std::size_t changes = 0;
  std::size_t runs = 0;
  test::each_seed(300, 20'000, [&](std::uint64_t seed) {
    Play play(seed, false);
    const std::uint64_t hash = play.run();
    REQUIRE(live_frames() == 0);
    REQUIRE(Play(seed, true).run() == hash);
    starts += play.starts();
    waited += play.waited();
    changes += play.changes();
    ++runs;
  });
  if (runs < 10) return;  // a few alone need not show everything
  CHECK(starts > 5 * runs);
  CHECK(waited > runs);
  CHECK(changes > runs / 10);
}

// The rule "a pause of 1 to 3 s after each 20 requests", whoever waits and gives up.
TEST_CASE("After each twenty starts there is one pause for all whoever gives up [L5]") {
  test::each_seed(20, 1'000, [](std::uint64_t seed) {
    SimLoop loop(seed);
    const LoopClock clock(loop);
    const policy::Limiter limiter(kStart, {Limit::pace({.interval = 100ms,
                                                        .jitter = 50ms,
                                                        .every = 20,
                                                        .least_pause = 1s,
                                                        .most_pause = 3s,
                                                        .seed = seed})});
    const auto core =
        GateCore::make(loop, GateCore::Clocks{.clock = clock, .coarse = clock},
                       GateOptions("gate-pause").values(), limiter, GateCore::Shared{}, seed);
    std::vector<TimePoint> starts;
    const auto visit = [](GateCore* gate, SimLoop* on,
                          std::vector<TimePoint>* begun) -> Task<void> {
      const Deadline until;
      GateTurn turn = co_await gate->enter(GatePriority::kNormal, until);
      if (!turn.held()) co_return;
      auto starting = gate->start(std::move(turn));
      auto permit = co_await std::move(starting);
      if (permit.ok()) begun->push_back(on->now());
    };
    std::deque<Flow> flows;
    while (starts.size() < 90) {
      for (int i = 0; i < 3; ++i) flows.emplace_back(loop, visit(core.get(), &loop, &starts));
      loop.drive(Deadline::at(loop.now() + loop.rng().between(0ms, 400ms)));
      if (loop.rng().chance(50)) {
        flows[loop.rng().below(flows.size())].scope().cancel(Cause::kCancelled);
      }
      if (loop.rng().chance(10)) core->penalize(loop.now(), 150ms);
    }
    for (Flow& each : flows) each.scope().cancel(Cause::kCancelled);
    loop.drive();
    for (std::size_t i = 1; i < starts.size(); ++i) {
      const Duration apart = starts[i] - starts[i - 1];
      if (i % 20 == 0) {
        REQUIRE(apart >= 1100ms);
        REQUIRE(apart <= 3150ms + 400ms + 1us);  // and until the next one comes
      } else {
        REQUIRE(apart >= 100ms);
        REQUIRE(apart < 1s);
      }
    }
  });
}

}  // namespace
}  // namespace tidegate::internal
