// SPDX-License-Identifier: Apache-2.0
// A limiter by somebody else's clock.
#include <mutex>

#include "base/brief_mutex.hpp"
#include "base/seed.hpp"
#include "gate/limiter_home.hpp"
#include "gate/limiter_metrics.hpp"
#include "tidegate/limiter.hpp"

namespace tidegate {

namespace {

const Verdict kNever{false, Duration::max()};

}  // namespace

class TimedLimiter::State {
 public:
  State(const LimiterOptions::Values& options, TimePoint epoch)
      : status(internal::check_limits(options)),
        metrics(options.name),
        limiter_(internal::limiter_of(status.ok() ? options : LimiterOptions::Values(), epoch,
                                      internal::fresh_seed())) {}

  bool fits(std::uint32_t weight) const noexcept {
    return status.ok() && weight > 0 && weight <= limiter_.burst();
  }

  // REQUIRES: fits(weight)
  Duration reserve(TimePoint now, std::uint32_t weight) noexcept {
    const std::lock_guard lock(mutex_);
    const auto booking = limiter_.reserve(words_, now, weight, Duration::zero());
    if (!booking.granted()) return booking.wait;
    words_ = booking.after;
    return Duration::zero();
  }
  Duration wait(TimePoint now, std::uint32_t weight) noexcept {
    const std::lock_guard lock(mutex_);
    return limiter_.wait(words_, now, weight);
  }

  const Status status;
  const internal::LimiterMetrics metrics;

 private:
  const policy::Limiter limiter_;
  internal::BriefMutex mutex_;
  policy::Limiter::State words_{};  // guarded by mutex_
};

TimedLimiter::TimedLimiter(const LimiterOptions& options, TimePoint epoch)
    : state_(std::make_shared<State>(options.values(), epoch)) {}

Status TimedLimiter::status() const { return state_->status; }

Verdict TimedLimiter::try_acquire(TimePoint now, std::uint32_t weight) const {
  if (!state_->fits(weight)) return kNever;
  const Duration wait = state_->reserve(now, weight);
  const bool granted = wait == Duration::zero();
  (granted ? state_->metrics.granted : state_->metrics.refused).add();
  return {granted, wait};
}

Duration TimedLimiter::wait(TimePoint now, std::uint32_t weight) const {
  return state_->fits(weight) ? state_->wait(now, weight) : Duration::max();
}

LimiterStats TimedLimiter::stats() const { return internal::stats_of(state_->metrics); }

}  // namespace tidegate
