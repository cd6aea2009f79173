// SPDX-License-Identifier: Apache-2.0
#include "retry/attempts.hpp"

#include <algorithm>

#include "policy/backoff.hpp"

namespace tidegate::internal {

void Attempts::ended(const Tried& tried, Duration took, TimePoint now, Deadline deadline) {
  ++count_;
  pause_ = Duration::zero();
  left_ = deadline.left(now);
  end_ = decide(tried, now, deadline);
  if (again() || !history_.empty()) history_.push_back(line(tried, took));
}

bool Attempts::may_follow(const Tried& tried) const noexcept {
  const bool is_safe = !tried.was_sent || tried.may_be_repeated;
  return is_worth_another(tried) && is_safe && count_ + 1 < policy_.attempts;
}

RetryEnd Attempts::decide(const Tried& tried, TimePoint now, Deadline deadline) {
  if (!is_worth_another(tried))
    return tried.cause == Cause::kNone ? RetryEnd::kGood : RetryEnd::kFinal;
  if (tried.was_sent && !tried.may_be_repeated) return RetryEnd::kUnsafe;
  if (count_ >= policy_.attempts) return RetryEnd::kExhausted;
  const policy::Backoff backoff(policy_.backoff, policy_.max_backoff);
  const Duration asked = tried.asked.value_or(Duration::zero());
  pause_ = asked + backoff.draw(count_ - 1, rng_);
  if (asked > policy_.max_retry_after) return RetryEnd::kAskedTooLong;
  if (deadline.passed(now + pause_)) return RetryEnd::kTooLate;
  return budget_.try_take(now) ? RetryEnd::kAgain : RetryEnd::kNoBudget;
}

bool Attempts::is_worth_another(const Tried& tried) const noexcept {
  if (!tried.name.empty()) return true;
  const auto& statuses = policy_.statuses;
  switch (tried.cause) {
    case Cause::kNone:
      return std::find(statuses.begin(), statuses.end(), tried.http_status) != statuses.end();
    case Cause::kDns:
    case Cause::kConnect:
    case Cause::kProxy:
    case Cause::kConnectTimeout:
    case Cause::kConnectionLost:
    case Cause::kAttemptTimeout:
    case Cause::kReadTimeout: return true;
    default: return false;
  }
}

std::string Attempts::line(const Tried& tried, Duration took) const {
  std::string line =
      "attempt " + std::to_string(count_) + " of " + std::to_string(policy_.attempts) + ": ";
  if (!tried.name.empty()) {
    line += tried.name;
  } else {
    line += tried.cause == Cause::kNone ? std::to_string(tried.http_status)
                                        : std::string(cause_info(tried.cause).name);
  }
  line += " after " + format_duration(took);
  if (tried.was_hedged) line += ", hedged";
  if (again()) line += ", then a pause of " + format_duration(pause_);
  return line;
}

std::string Attempts::note() const {
  if (policy_.attempts <= 1 || count_ == 0) return {};
  if (count_ == 1 && end_ == RetryEnd::kFinal) return {};  // no other would have gone better
  return "attempt " + std::to_string(count_) + " of " + std::to_string(policy_.attempts) +
         why_ended();
}

std::string Attempts::why_ended() const {
  switch (end_) {
    case RetryEnd::kUnsafe: return ", and it may not be sent twice";
    case RetryEnd::kAskedTooLong:
    case RetryEnd::kTooLate:
      return ", the next would be in " + format_duration(pause_) + " and " +
             format_duration(std::max(Duration::zero(), left_)) + " are left";
    case RetryEnd::kNoBudget: return ", and the retry budget is used up";
    default: return {};
  }
}

}  // namespace tidegate::internal
