// SPDX-License-Identifier: Apache-2.0
#include "gate/shared_breaker.hpp"

#include <algorithm>
#include <utility>

#include "base/ports/rng.hpp"

namespace tidegate::internal {

namespace {

using policy::BreakerWord;
using policy::CallCounts;
using policy::CallOutcome;
using policy::Generation;
using policy::OpeningWord;
using Opening = policy::Breaker::Opening;
using Verdict = policy::Breaker::Verdict;

constexpr unsigned kCountBits = 64 - policy::kGenerationBits;
constexpr std::uint64_t kCountMask = (std::uint64_t{1} << kCountBits) - 1;

policy::BreakerRules with_places(policy::BreakerRules rules) noexcept {
  rules.probes = std::clamp<std::uint32_t>(rules.probes, 1, policy::ProbeWord::kPlaces);
  return rules;
}

// One that is tried elsewhere is open as long as a probe may take.
Duration longest_of(const policy::BreakerRules& rules) noexcept {
  const Duration longest = std::max(rules.max_open_for, rules.probe_lease);
  return longest + longest / 5 + policy::kTick;
}

}  // namespace

SharedBreaker::SharedBreaker(BreakerWords& words, const policy::BreakerRules& rules,
                             std::uint64_t seed, Listener listener)
    : words_(words),
      policy_(with_places(rules)),
      longest_(longest_of(policy_.rules())),
      window_(words, rules.window),
      probes_(words, policy_.rules().probes, rules.probe_lease),
      told_(words.state.load()),
      seed_(seed),
      listener_(std::move(listener)) {}

void SharedBreaker::tell(std::uint64_t word, TimePoint now) noexcept {
  std::uint64_t told = told_.load(std::memory_order_acquire);
  do {
    if (!policy::is_later(BreakerWord::generation_of(word), BreakerWord::generation_of(told)))
      return;
  } while (!told_.compare_exchange_weak(told, word, std::memory_order_acq_rel));
  if (looked_) looked_();
  const State from = BreakerWord::state_of(told);
  const State to = BreakerWord::state_of(word);
  if (from == to || !listener_) return;
  listener_({.from = from, .to = to, .opening = opening(word, now)});
}

SharedBreaker::Entry SharedBreaker::enter_slowly(std::uint64_t word, TimePoint now) noexcept {
  for (;; word = look(now)) {
    const State state = BreakerWord::state_of(word);
    const Mode mode = BreakerWord::mode_of(word);
    if (state == State::kClosed || mode == Mode::kForcedClosed || mode == Mode::kDisabled) {
      return {.entered = true, .permit = {.word = word, .lease = 0}, .retry_after = {}};
    }
    if (mode == Mode::kForcedOpen) {
      return {.entered = false, .permit = {}, .retry_after = policy_.rules().open_for};
    }
    if (state == State::kOpen) {
      const Duration left = left_open(word, now);
      if (left > Duration::zero()) return {.entered = false, .permit = {}, .retry_after = left};
      BreakerWord half_open = BreakerWord::unpack(word);
      half_open.state = State::kHalfOpen;
      change(word, half_open, now);
      continue;
    }
    if (settle_probes(word, now)) continue;
    const ProbeTable::Lease lease = probes_.take(BreakerWord::generation_of(word), now);
    if (lease.word != 0) {
      return {.entered = true, .permit = {.word = word, .lease = lease.word}, .retry_after = {}};
    }
    if (lease.retry_after > Duration::zero()) {
      return {.entered = false, .permit = {}, .retry_after = lease.retry_after};
    }
  }
}

void SharedBreaker::leave_slowly(const Permit& permit, CallOutcome outcome, bool slow,
                                 TimePoint now) noexcept {
  const std::uint64_t word = look(now);
  if (((word ^ permit.word) & kGeneration) != 0) return;
  if (BreakerWord::mode_of(word) == Mode::kDisabled) return;
  if (outcome == CallOutcome::kNothing) return probes_.give_back(permit.lease);
  const bool failed = outcome == CallOutcome::kFailed;
  switch (BreakerWord::state_of(word)) {
    case State::kClosed: return call_ended(word, failed, slow, now);
    case State::kHalfOpen: {
      probes_.report(BreakerWord::generation_of(word), permit.lease, failed, slow, now);
      settle_probes(word, now);
      return;
    }
    case State::kOpen: return;
  }
}

// Whether the state has changed.
bool SharedBreaker::settle_probes(std::uint64_t word, TimePoint now) noexcept {
  const CallCounts reported = probes_.places(BreakerWord::generation_of(word), now).reported;
  switch (policy_.judge_probes(reported)) {
    case Verdict::kWait: return false;
    case Verdict::kOpen: open(word, Reason::kProbes, reported, now); return true;
    case Verdict::kClose: break;
  }
  BreakerWord closed = BreakerWord::unpack(word);
  closed.state = State::kClosed;
  closed.openings = 0;
  change(word, closed, now);
  return true;
}

void SharedBreaker::call_ended(std::uint64_t word, bool failed, bool slow, TimePoint now) noexcept {
  const Generation generation = BreakerWord::generation_of(word);
  const std::uint64_t in_bucket = window_.add(generation, failed, slow, now);
  const std::uint64_t in_a_row =
      policy_.rules().consecutive > 0 ? count_in_a_row(generation, failed) : 0;
  if (BreakerWord::mode_of(word) != Mode::kAutomatic) return;
  if (!window_.has_faults(generation)) return;
  if (failed || slow || may_complete(in_bucket)) judge(word, in_a_row, now);
}

void SharedBreaker::judge(std::uint64_t word, std::uint64_t in_a_row, TimePoint now) noexcept {
  const Generation generation = BreakerWord::generation_of(word);
  const CallCounts counts = window_.counts(generation, now);
  const Reason reason = policy_.reason_to_open(counts, in_a_row);
  if (reason != Reason::kNone) open(word, reason, counts, now);
}

std::uint64_t SharedBreaker::count_in_a_row(Generation generation, bool failed) noexcept {
  const std::uint64_t none = std::uint64_t{generation} << kCountBits;
  std::uint64_t seen = words_.in_a_row.load(std::memory_order_relaxed);
  for (;;) {
    const bool is_of_this = seen >> kCountBits == generation;
    const std::uint64_t before = is_of_this ? seen & kCountMask : 0;
    const std::uint64_t after = failed ? std::min(before + 1, kCountMask) : 0;
    if (is_of_this && before == after) return after;
    if (words_.in_a_row.compare_exchange_weak(seen, none | after, std::memory_order_acq_rel))
      return after;
  }
}

void SharedBreaker::open(std::uint64_t word, Reason reason, const CallCounts& counts,
                         TimePoint now) noexcept {
  BreakerWord opened = BreakerWord::unpack(word);
  Rng rng(seed_.fetch_add(0x9e3779b97f4a7c15u, std::memory_order_relaxed));
  opened.until = policy::tick_at(now + policy_.open_time(opened.openings, rng));
  opened.openings = std::min(opened.openings + 1, BreakerWord::kMostOpenings);
  opened.state = State::kOpen;
  if (!give_reason(word, OpeningWord::pack(policy::next(opened.generation), reason, counts)))
    return;
  change(word, opened, now);
}

// Before the change, so that whoever sees it knows why. Of several who try, each has a reason. False
// where the word is another already.
bool SharedBreaker::give_reason(std::uint64_t word, std::uint64_t why) noexcept {
  std::uint64_t before = words_.opening.load(std::memory_order_acquire);
  if (words_.state.load(std::memory_order_acquire) != word) return false;
  words_.opening.compare_exchange_strong(before, why, std::memory_order_acq_rel);
  return true;
}

void SharedBreaker::force(Mode mode, TimePoint now) noexcept {
  for (;;) {
    const std::uint64_t word = look(now);
    if (BreakerWord::mode_of(word) == mode) return;
    BreakerWord forced = BreakerWord::unpack(word);
    forced.mode = mode;
    forced.openings = 0;
    forced.state = mode == Mode::kForcedOpen ? State::kOpen : State::kClosed;
    if (change(word, forced, now)) return;
  }
}

void SharedBreaker::recall() noexcept {
  std::uint64_t told = told_.load(std::memory_order_acquire);
  if (((told ^ word()) & kGeneration) != 0) return;
  BreakerWord before = BreakerWord::unpack(told);
  before.generation = (before.generation - 1) & policy::kGenerationMask;
  told_.compare_exchange_strong(told, before.pack(), std::memory_order_acq_rel);
}

policy::BreakerRecord SharedBreaker::record(std::uint64_t word, TimePoint now) const noexcept {
  const BreakerWord is = BreakerWord::unpack(word);
  const Duration left = is.state == State::kOpen       ? left_open(word, now)
                        : is.state == State::kHalfOpen ? policy_.rules().probe_lease
                                                       : Duration::zero();
  const std::uint64_t why = words_.opening.load(std::memory_order_acquire);
  return {.state = is.state,
          .mode = is.mode,
          .openings = is.openings,
          .left = is.mode == Mode::kAutomatic ? left : Duration::zero(),
          .why = is.state == State::kClosed ? 0 : why >> policy::kGenerationBits};
}

std::optional<std::uint64_t> SharedBreaker::adopt(std::uint64_t word,
                                                  const policy::BreakerRecord& told, Duration left,
                                                  TimePoint now) noexcept {
  BreakerWord to = BreakerWord::unpack(word);
  to.mode = told.mode;
  to.openings = std::min(told.openings, BreakerWord::kMostOpenings);
  to.state = told.state == State::kClosed ? State::kClosed : State::kOpen;
  if (to.state == State::kOpen) {
    to.until = policy::tick_at(now + std::clamp(left, Duration::zero(), longest_ - policy::kTick));
    const std::uint64_t why = told.why << policy::kGenerationBits | policy::next(to.generation);
    if (!give_reason(word, why)) return {};
  }
  return change(word, to, now);
}

std::optional<std::uint64_t> SharedBreaker::change(std::uint64_t word, BreakerWord to,
                                                   TimePoint now) noexcept {
  to.generation = policy::next(to.generation);
  if (to.state != State::kOpen) to.until = 0;
  const std::uint64_t after = to.pack();
  if (!words_.state.compare_exchange_strong(word, after)) {
    look(now);
    return {};
  }
  tell(after, now);
  return after;
}

Duration SharedBreaker::retry_after(TimePoint now) const noexcept {
  const std::uint64_t word = words_.state.load(std::memory_order_acquire);
  if (BreakerWord::mode_of(word) == Mode::kForcedOpen) return policy_.rules().open_for;
  switch (BreakerWord::state_of(word)) {
    case State::kClosed: return Duration::zero();
    case State::kOpen: return left_open(word, now);
    case State::kHalfOpen: break;
  }
  return probes_.places(BreakerWord::generation_of(word), now).first_free;
}

CallCounts SharedBreaker::counts(TimePoint now) noexcept {
  const std::uint64_t word = look(now);
  if (BreakerWord::state_of(word) != State::kClosed) return {};
  return window_.counts(BreakerWord::generation_of(word), now);
}

std::uint64_t SharedBreaker::probing(TimePoint now) const noexcept {
  const std::uint64_t word = words_.state.load(std::memory_order_acquire);
  if (BreakerWord::state_of(word) != State::kHalfOpen) return 0;
  return probes_.places(BreakerWord::generation_of(word), now).leased;
}

Opening SharedBreaker::opening(std::uint64_t word, TimePoint now) const noexcept {
  Opening opening;
  if (BreakerWord::state_of(word) != State::kOpen) return opening;
  const std::uint64_t why = words_.opening.load(std::memory_order_acquire);
  if (BreakerWord::mode_of(word) == Mode::kForcedOpen) {
    opening.reason = Reason::kForced;
  } else if (OpeningWord::generation_of(why) == BreakerWord::generation_of(word)) {
    opening = OpeningWord::unpack(why);
  }
  opening.lasts = left_open(word, now);
  return opening;
}

}  // namespace tidegate::internal
