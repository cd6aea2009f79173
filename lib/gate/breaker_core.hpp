// SPDX-License-Identifier: Apache-2.0
//
// BreakerCore: a breaker in one process: the words of its state (gate/shared_breaker.hpp) with a
// clock, and what is told of it.
//
// Invariant: it is of the process that made it. A permit of before a fork does nothing in the child,
// whose core is another.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include "base/fork.hpp"
#include "base/ports/clock.hpp"
#include "gate/breaker_metrics.hpp"
#include "gate/breaker_words.hpp"
#include "gate/remote_breaker.hpp"
#include "gate/shared_breaker.hpp"
#include "tidegate/breaker.hpp"

namespace tidegate::internal {

// When a call entered; and, where it was told, the most that it may take, and what it took.
struct CallTime {
  TimePoint entered;
  Duration may_take{};
  Duration took{};
};

class BreakerCore {
 public:
  // Words of its own, or those that it shares; they outlive it.
  BreakerCore(const BreakerOptions::Values& options, const Clock& clock, std::uint64_t seed,
              BreakerWords* shared = nullptr);

  static BreakerPermit refused(Duration retry_after) noexcept { return BreakerPermit(retry_after); }
  static BreakerPermit enter(const std::shared_ptr<BreakerCore>& self) noexcept {
    const TimePoint now = self->clock_.now();
    const std::uint64_t word = self->word();
    if (self->is_closed(word)) return {self, word, 0, now};
    const Duration open = self->breaker_.open_for(word, now);
    if (open == Duration::zero()) return enter_slowly(self, now);
    self->metrics_.refused.add();
    return BreakerPermit(open + self->lag_);
  }
  // The same of a part of something else, which keeps the permit and the time.
  SharedBreaker::Entry ask(TimePoint now) noexcept {
    SharedBreaker::Entry entry = breaker_.enter(now);
    if (entry.entered) return entry;
    metrics_.refused.add();
    entry.retry_after += lag_;
    return entry;
  }
  // The word of a permit that ask() would give, whatever time it is, where it is closed.
  std::uint64_t word() const noexcept { return breaker_.word(); }
  bool is_closed(std::uint64_t word) const noexcept { return breaker_.is_closed(word); }
  // How long it is open for yet, as far as that can be seen without asking for a permit: zero where
  // enter() may give one.
  Duration refusal() const noexcept {
    const std::uint64_t word = breaker_.word();
    if (policy::BreakerWord::state_of(word) != policy::Breaker::State::kOpen) [[likely]]
      return {};
    const Duration open = breaker_.open_for(word, clock_.now());
    return open > Duration::zero() ? open + lag_ : refusal_slowly();
  }
  // REQUIRES: it is of this process.
  void leave(const SharedBreaker::Permit& permit, const CallTime& time, Cause cause) noexcept {
    const TimePoint now = clock_.now();
    const Duration enough = enough_ > Duration::zero() ? enough_ : time.may_take;
    leave(permit, policy::outcome_of(cause, passed(time, now), enough), time, now);
  }
  void leave_with_http_status(const SharedBreaker::Permit& permit, const CallTime& time,
                              int status) noexcept {
    leave(permit, policy::outcome_of_http_status(status), time, clock_.now());
  }
  void leave(const BreakerPermit& permit, Cause cause) noexcept {
    if (process_ != fork_generation()) return;
    leave({.word = permit.word_, .lease = permit.lease_}, time_of(permit), cause);
  }
  void leave_with_http_status(const BreakerPermit& permit, int status) noexcept {
    if (process_ != fork_generation()) return;
    leave_with_http_status({.word = permit.word_, .lease = permit.lease_}, time_of(permit), status);
  }
  void force(policy::Breaker::Mode mode) noexcept;

  // Its openings are those of all of its name from now on. Once, before anybody uses it; `owner` keeps
  // it, and is kept while something is learnt.
  void share(Loop& loop, std::shared_ptr<RemoteOpenings> openings,
             const std::shared_ptr<void>& owner, std::uint64_t seed);

  BreakerStats stats() noexcept;

 private:
  static BreakerPermit enter_slowly(const std::shared_ptr<BreakerCore>& self,
                                    TimePoint now) noexcept;
  Duration refusal_slowly() const noexcept;
  // It may have entered by a clock that is a little ahead of this one.
  static Duration passed(const CallTime& time, TimePoint now) noexcept {
    return std::max(Duration::zero(), now - time.entered);
  }
  static CallTime time_of(const BreakerPermit& permit) noexcept {
    return {.entered = permit.entered_, .may_take = permit.may_take_, .took = permit.took_};
  }
  void leave(const SharedBreaker::Permit& permit, policy::CallOutcome outcome, const CallTime& time,
             TimePoint now) noexcept {
    metrics_.ended(outcome);
    const bool has_own = enough_ == Duration::zero() && time.may_take > Duration::zero();
    const bool is_told = has_own && time.took > Duration::zero();
    breaker_.leave(permit, outcome, is_told ? time.took : passed(time, now), now,
                   has_own ? time.may_take : Duration::max());
  }
  void tell(const SharedBreaker::Change& change) noexcept;

  const BreakerOptions::Values options_;
  const Duration enough_;  // what any call may take; zero where its own timeout decides
  const Clock& clock_;
  const Duration lag_;  // of the clock: who comes again when it was told to is not refused by it
  const std::uint64_t process_;  // the fork generation
  BreakerMetrics metrics_;
  BreakerWords own_;
  SharedBreaker breaker_;
  std::shared_ptr<RemoteBreaker> remote_;  // null: it shares with nobody over a network
};

}  // namespace tidegate::internal
