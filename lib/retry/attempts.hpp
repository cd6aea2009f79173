// SPDX-License-Identifier: Apache-2.0
//
// Attempts: the tries of one call: whether there is another one, when, and a line on each.
//
//   Attempts attempts(policy, budget, rng);
//   for (;;) {
//     … one try …
//     attempts.ended(tried, took, now, deadline);
//     if (!attempts.again()) break;
//     co_await sleep_until(now + attempts.pause());
//   }
//   attempts.note()      // "attempt 4 of 4", for the message of a failure
//
// It knows nothing of how a try is made. Time is an argument. Not thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ports/rng.hpp"
#include "tidegate/retry.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

// What came of a try.
struct Tried {
  Cause cause = Cause::kNone;       // kNone: there is an answer
  int http_status = 0;              // its status
  bool was_sent = true;             // the server may have acted on it
  bool may_be_repeated = true;      // and may do so again
  std::optional<Duration> asked{};  // when the server wants to be asked again
  bool was_hedged = false;          // another one went beside it
  std::string_view name{};          // of a failure that has no cause here and is worth another try
};

// Why there is no further try.
enum class RetryEnd : std::uint8_t {
  kAgain,
  kGood,
  kFinal,
  kUnsafe,
  kExhausted,
  kAskedTooLong,
  kTooLate,
  kNoBudget
};

// The one that is shared, or one of its own.
inline RetryBudget budget_of(const RetryPolicy::Values& policy) {
  return policy.shared_budget.value_or(
      RetryBudget(policy.budget, policy.budget_per_second, policy.budget_most));
}

class Attempts {
 public:
  // `count` tries have ended before.
  Attempts(const RetryPolicy::Values& policy, RetryBudget budget, Rng& rng, int count = 0) noexcept
      : policy_(policy), budget_(std::move(budget)), rng_(rng), count_(count) {}

  // Whether another one may follow a try that comes to this; ended() then decides.
  bool may_follow(const Tried& tried) const noexcept;

  // Whether one might come to something better, whatever else speaks for or against it.
  bool is_worth_another(const Tried& tried) const noexcept;

  // A try has ended that took so long.
  void ended(const Tried& tried, Duration took, TimePoint now, Deadline deadline);

  bool again() const noexcept { return end_ == RetryEnd::kAgain; }
  RetryEnd end() const noexcept { return end_; }
  Duration pause() const noexcept { return pause_; }

  // Tries that have ended.
  int count() const noexcept { return count_; }
  // How the last one stands among them; empty where there is nothing to say.
  std::string note() const;
  // What is to be told of the try that has ended.
  std::string line(const Tried& tried, Duration took) const;
  // Why there is none after it, from ", " on; empty where its number tells.
  std::string why_ended() const;
  // A line for each try, where there was more than one.
  std::vector<std::string> take_history() noexcept { return std::move(history_); }

 private:
  RetryEnd decide(const Tried& tried, TimePoint now, Deadline deadline);

  const RetryPolicy::Values& policy_;
  const RetryBudget budget_;
  Rng& rng_;
  int count_;
  RetryEnd end_ = RetryEnd::kGood;
  Duration pause_{};
  Duration left_{};
  std::vector<std::string> history_;
};

}  // namespace tidegate::internal
