// SPDX-License-Identifier: Apache-2.0
#include "gate/limiter_core.hpp"

#include <string>
#include <utility>

#include "gate/acquire.hpp"

namespace tidegate::internal {

LimiterCore::Booking LimiterCore::reserve(TimePoint now, std::uint32_t weight,
                                          Duration most_wait) noexcept {
  Booking booking;
  if (waiting() == 0) {
    booking = word_.reserve(now, weight, most_wait);
  } else if (const Duration wait = behind_others(now, weight); wait < Duration::max()) {
    booking.answer = policy::Limiter::Answer::kLater;
    booking.wait = wait;
  }
  (booking.granted() ? metrics_.granted : metrics_.refused).add();
  return booking;
}

Duration LimiterCore::behind_others(TimePoint now, std::uint32_t weight) noexcept {
  if (!fits(weight)) return Duration::max();
  return std::max(Duration(1), least_wait(now, weight));
}

void LimiterCore::cancel(const Booking& booking, TimePoint now) noexcept {
  word_.cancel(booking, now);
}

void LimiterCore::penalize(TimePoint now, TimePoint until) noexcept {
  if (remote_) {
    remote_->penalize(now, until);
  } else {
    word_.penalize(now, until);
  }
  metrics_.penalties.add();
}

LimiterCore::Asked LimiterCore::ask(TimePoint now, std::uint32_t weight, Duration most_wait) {
  Asked asked;
  if (fits(weight) && waiting() == 0) {
    asked.question.emplace(remote_->ask(weight, most_wait));
  } else if (const Duration wait = behind_others(now, weight); wait < Duration::max()) {
    asked.without.local.answer = policy::Limiter::Answer::kLater;
    asked.without.local.wait = wait;
  }
  return asked;
}

RemoteBooking LimiterCore::booked(const Asked& asked) {
  RemoteBooking booking = asked.without;
  if (asked.question) {
    auto answer = asked.question->wait();
    booking = answer.ok() ? std::move(*answer) : RemoteBooking::failed(answer.status());
  }
  (booking.granted() ? metrics_.granted : metrics_.refused).add();
  return booking;
}

bool LimiterCore::start_now(TimePoint now, std::uint32_t weight) noexcept {
  if (remote_ || waiting() != 0 || word_.take(now, weight) > Duration::zero()) return false;
  metrics_.granted.add();
  metrics_.wait.record(Duration::zero());
  return true;
}

Status LimiterCore::never(std::uint32_t weight) const {
  return Status(Cause::kBadArgument, "a start of " + std::to_string(weight) +
                                         " permits never comes: 1 to " + std::to_string(burst()) +
                                         " may start together");
}

Operation<Duration> LimiterCore::acquire(TimePoint now, std::uint32_t weight, Deadline deadline) {
  AcquireRef acquire = Acquire::make(loop_, metrics_, now, weight, deadline);
  if (!fits(weight)) {
    return Acquire::ended(std::move(acquire), never(weight));
  }
  const bool is_free = !remote_ && waiting() == 0;
  if (is_free && word_.take(now, weight) == Duration::zero()) {
    return Acquire::ended(std::move(acquire), Status());
  }
  const Duration wait = least_wait(now, weight);
  const Duration left = deadline.left(now);
  if (wait > left || left == Duration::zero()) {
    return Acquire::ended(std::move(acquire), Acquire::too_late(wait, left));
  }
  if (waiting_.fetch_add(1, std::memory_order_acquire) >= most_waiting_) {
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    return Acquire::ended(
        std::move(acquire),
        Status(Cause::kQueueFull, std::to_string(most_waiting_) + " starts wait for their turn"));
  }
  ahead_.fetch_add(weight, std::memory_order_relaxed);
  return Acquire::start(std::move(acquire), shared_from_this());
}

Operation<Duration> LimiterCore::ended(const Status& outcome) {
  return Acquire::ended(Acquire::make(loop_, metrics_, {}, 0, Deadline::never()), outcome);
}

LimiterCore::Booking LimiterCore::book(TimePoint now, std::uint32_t weight,
                                       Duration most_wait) noexcept {
  return word_.reserve(now, weight, most_wait);
}

bool LimiterCore::is_held(TimePoint now) const noexcept { return word_.is_held(now); }

bool LimiterCore::started(const Booking& booking, TimePoint now) noexcept {
  return word_.started(booking, now);
}

Duration LimiterCore::wait(TimePoint now, std::uint32_t weight) const noexcept {
  return remote_ ? remote_->least_wait(now, weight, 0) : word_.wait(now, weight, 0);
}

void LimiterCore::ahead_no_more(std::uint32_t weight) noexcept {
  ahead_.fetch_sub(weight, std::memory_order_relaxed);
}

void LimiterCore::left() noexcept { waiting_.fetch_sub(1, std::memory_order_release); }

Duration LimiterCore::least_wait(TimePoint now, std::uint32_t weight) noexcept {
  const std::uint64_t ahead = ahead_.load(std::memory_order_relaxed);
  return remote_ ? remote_->least_wait(now, weight, ahead) : word_.wait(now, weight, ahead);
}

LimiterStats LimiterCore::stats() const noexcept {
  LimiterStats stats = stats_of(metrics_);
  if (!remote_) return stats;
  stats.redis_decisions = remote_->metrics().decisions.value();
  stats.redis_failures = remote_->metrics().failures.value();
  return stats;
}

}  // namespace tidegate::internal
