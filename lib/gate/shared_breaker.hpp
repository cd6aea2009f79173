// SPDX-License-Identifier: Apache-2.0
//
// SharedBreaker: a breaker whose whole state is BreakerWords, which other threads and processes
// change at the same time.
//
//   const SharedBreaker::Entry entry = breaker.enter(now);
//   if (!entry.entered) …                            // ask again after entry.retry_after
//   …
//   breaker.leave(entry.permit, CallOutcome::kFailed, took, now);
//
// Invariants
//   * A change of state is one compare-and-swap of the state's word, by exactly one of all who try;
//     it takes the state, the mode, the time until which it is open and how often it was along.
//   * Each change begins a generation, and a permit belongs to the one in which it was given: what
//     was begun before a change says nothing about what came after, and its result does not count.
//   * Who finds that something is decided does it: that whoever has to decide is gone between his
//     last word and the change leaves nothing undone.
//   * A time that is further ahead than the rules allow is over.
//
// Each instance tells of every generation that it sees, once, on the thread that sees it first:
// mostly the one that has brought it about. What others have changed twice before this one looked
// is told as one change.
//
// Pure: time is an argument. Thread-safety: any thread; of any process on the same words, where the
// rules are the same. Nothing locks or allocates, but for the listener.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "gate/breaker_words.hpp"
#include "gate/call_window.hpp"
#include "gate/probe_table.hpp"
#include "policy/breaker.hpp"
#include "policy/breaker_record.hpp"
#include "policy/call_outcome.hpp"

namespace tidegate::internal {

class SharedBreaker {
 public:
  using State = policy::Breaker::State;
  using Mode = policy::Breaker::Mode;
  using Reason = policy::Breaker::Reason;

  struct Permit {
    std::uint64_t word = 0;   // the state's, when it was given
    std::uint64_t lease = 0;  // 0: of none
  };
  struct Entry {
    bool entered = false;
    Permit permit;
    Duration retry_after{};  // for what did not enter
  };
  struct Change {
    State from;
    State to;
    policy::Breaker::Opening opening;  // where it is open now
  };
  using Listener = std::function<void(const Change&)>;

  // `seed`: of the open times. The listener does not throw.
  SharedBreaker(BreakerWords& words, const policy::BreakerRules& rules, std::uint64_t seed,
                Listener listener);

  Entry enter(TimePoint now) noexcept { return enter_slowly(look(now), now); }
  std::uint64_t word() const noexcept { return words_.state.load(std::memory_order_acquire); }
  // Whether enter() would give a permit of this word, whatever time it is: it is closed, and nobody
  // has to be told so.
  bool is_closed(std::uint64_t word) const noexcept {
    const std::uint64_t told = told_.load(std::memory_order_relaxed);
    return policy::BreakerWord::state_of(word) == State::kClosed &&
           ((word ^ told) & kGeneration) == 0;
  }
  // How long enter() would refuse for, where that is by its time and nobody has to be told so.
  Duration open_for(std::uint64_t word, TimePoint now) const noexcept {
    const std::uint64_t told = told_.load(std::memory_order_relaxed);
    const bool is_open = policy::BreakerWord::state_of(word) == State::kOpen &&
                         policy::BreakerWord::mode_of(word) == Mode::kAutomatic &&
                         ((word ^ told) & kGeneration) == 0;
    return is_open ? left_open(word, now) : Duration::zero();
  }
  // Slow is what took longer than the rules' slow_after, or than `may_take`.
  void leave(const Permit& permit, policy::CallOutcome outcome, Duration took, TimePoint now,
             Duration may_take = Duration::max()) noexcept {
    const bool slow = took > std::min(policy_.rules().slow_after, may_take);
    const bool is_usual = permit.word == word() && is_automatic_and_closed(permit.word) &&
                          outcome == policy::CallOutcome::kSucceeded && !slow &&
                          policy_.rules().consecutive == 0;
    if (!is_usual) [[unlikely]]
      return leave_slowly(permit, outcome, slow, now);
    const auto generation = policy::BreakerWord::generation_of(permit.word);
    const std::uint64_t in_bucket = window_.add(generation, false, false, now);
    if (window_.has_faults(generation) && may_complete(in_bucket)) judge(permit.word, 0, now);
  }
  void force(Mode mode, TimePoint now) noexcept;

  // For who shares its openings over a network (gate/remote_breaker.hpp). `looked`: of a look that is
  // told, by a call or by who changes it; set before anybody uses it, and does not throw. recall():
  // the next look is told again.
  void watch(std::function<void()> looked) { looked_ = std::move(looked); }
  void recall() noexcept;
  // A call has to look, for somebody has to be told.
  bool has_to_look() const noexcept {
    return ((word() ^ told_.load(std::memory_order_relaxed)) & kGeneration) != 0;
  }
  void see(TimePoint now) noexcept { look(now); }
  // What it is by `word`, which it has now or had, for others.
  policy::BreakerRecord record(std::uint64_t word, TimePoint now) const noexcept;
  // It is what others have come to, for `left`: closed, or open. The word that it has then; nothing
  // where it has another one than `word` already.
  std::optional<std::uint64_t> adopt(std::uint64_t word, const policy::BreakerRecord& told,
                                     Duration left, TimePoint now) noexcept;

  // An open one is so until somebody enters, even where its time is over.
  State state() const noexcept { return policy::BreakerWord::state_of(words_.state.load()); }
  Mode mode() const noexcept { return policy::BreakerWord::mode_of(words_.state.load()); }
  policy::Generation generation() const noexcept {
    return policy::BreakerWord::generation_of(words_.state.load());
  }
  // What a refusal would say now; zero where a call would enter.
  Duration retry_after(TimePoint now) const noexcept;
  // Of the window, since the last change of state.
  policy::CallCounts counts(TimePoint now) noexcept;
  // Probes that are under way, and hold a lease.
  std::uint64_t probing(TimePoint now) const noexcept;
  // Where it is open: why, and for how long from now.
  policy::Breaker::Opening opening(TimePoint now) const noexcept {
    return opening(words_.state.load(), now);
  }

 private:
  static constexpr std::uint64_t kGeneration = std::uint64_t{policy::kGenerationMask}
                                               << policy::BreakerWord::kGenerationShift;

  std::uint64_t look(TimePoint now) noexcept {
    const std::uint64_t word = words_.state.load(std::memory_order_acquire);
    if (((word ^ told_.load(std::memory_order_relaxed)) & kGeneration) != 0) [[unlikely]]
      tell(word, now);
    return word;
  }
  void tell(std::uint64_t word, TimePoint now) noexcept;

  policy::Breaker::Opening opening(std::uint64_t word, TimePoint now) const noexcept;
  // Zero where it is over.
  Duration left_open(std::uint64_t word, TimePoint now) const noexcept {
    const auto until = policy::BreakerWord::until_of(word);
    return std::max(Duration::zero(), policy::left_until(until, now, longest_));
  }
  static constexpr bool is_automatic_and_closed(std::uint64_t word) noexcept {
    return policy::BreakerWord::state_of(word) == State::kClosed &&
           policy::BreakerWord::mode_of(word) == Mode::kAutomatic;
  }
  // A success lowers the shares. It opens only where it completes the calls that have to be there,
  // or finds that others were forgotten: among the first of a bucket. Or where one who counted a
  // failure is gone before he looked, which the next few do for him.
  bool may_complete(std::uint64_t in_bucket) const noexcept {
    constexpr std::uint64_t kNextFew = 64;
    return in_bucket <= policy_.rules().min_calls + kNextFew;
  }
  void leave_slowly(const Permit& permit, policy::CallOutcome outcome, bool slow,
                    TimePoint now) noexcept;
  void judge(std::uint64_t word, std::uint64_t in_a_row, TimePoint now) noexcept;
  Entry enter_slowly(std::uint64_t word, TimePoint now) noexcept;
  bool settle_probes(std::uint64_t word, TimePoint now) noexcept;
  void call_ended(std::uint64_t word, bool failed, bool slow, TimePoint now) noexcept;
  std::uint64_t count_in_a_row(policy::Generation generation, bool failed) noexcept;
  void open(std::uint64_t word, Reason reason, const policy::CallCounts& counts,
            TimePoint now) noexcept;
  bool give_reason(std::uint64_t word, std::uint64_t why) noexcept;
  // The word after it; nothing where another was faster.
  std::optional<std::uint64_t> change(std::uint64_t word, policy::BreakerWord to,
                                      TimePoint now) noexcept;

  BreakerWords& words_;
  const policy::Breaker policy_;
  const Duration longest_;  // that it can rightly be open
  CallWindow window_;
  ProbeTable probes_;
  std::atomic<std::uint64_t> told_;  // the last word that was
  std::atomic<std::uint64_t> seed_;
  const Listener listener_;
  std::function<void()> looked_;
};

}  // namespace tidegate::internal
