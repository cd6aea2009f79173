// SPDX-License-Identifier: Apache-2.0
// The public face of a limiter.
#include "tidegate/limiter.hpp"

#include <algorithm>
#include <utility>

#include "gate/limiter_home.hpp"

namespace tidegate {

namespace {

const Verdict kNever{false, Duration::max()};

Verdict verdict_of(policy::Limiter::Answer answer, Duration wait) noexcept {
  if (answer == policy::Limiter::Answer::kNever) return kNever;
  const bool granted = answer == policy::Limiter::Answer::kGranted;
  return {granted, granted ? Duration::zero() : wait};
}

// Of what could not be asked it is not known when it would be granted.
Verdict verdict_of(const internal::RemoteBooking& booked) noexcept {
  if (!booked.failure.ok()) return {false, Duration::zero()};
  return verdict_of(booked.local.answer, booked.local.wait);
}

}  // namespace

class Reservation::State {
 public:
  std::shared_ptr<internal::LimiterCore> core;
  policy::Limiter::Booking booking;
  internal::RemoteBooking remote;  // where starts are asked for
  Status never;                    // why it cannot come
};

Reservation::Reservation(Verdict verdict) noexcept : verdict_(verdict) {}
Reservation::Reservation(Verdict refused, std::unique_ptr<State> why) noexcept
    : verdict_(refused), state_(std::move(why)) {}
Reservation::Reservation(TimePoint start, std::unique_ptr<State> state) noexcept
    : verdict_(true, Duration::zero()), start_(start), state_(std::move(state)) {}
Reservation::Reservation(Reservation&&) noexcept = default;
Reservation& Reservation::operator=(Reservation&&) noexcept = default;
Reservation::~Reservation() = default;

Status Reservation::status() const {
  if (granted()) return {};
  if (state_) return state_->never;
  if (retry_after() == Duration::zero()) {
    return Status(Cause::kEngineUnavailable, "its limits are shared, and could not be asked for");
  }
  return Status(Cause::kRateLimited, "the next start is " + format_duration(retry_after()) +
                                         " away, and later "
                                         "than it may be")
      .with_retry_after(retry_after());
}

void Reservation::cancel() noexcept {
  if (!state_ || !granted()) return;
  if (state_->core->is_remote()) {
    state_->core->cancel(state_->remote);
  } else {
    state_->core->cancel(state_->booking, Deadline::now());
  }
  state_.reset();
}

Limiter::Limiter(const LimiterOptions& options)
    : home_(std::make_shared<internal::LimiterHome>(options)) {}

Status Limiter::status() const { return home_->status(); }

Verdict Limiter::try_acquire(std::uint32_t weight) const {
  if (!home_->status().ok()) return kNever;
  const auto& core = home_->here();
  if (core->is_remote()) [[unlikely]]
    return verdict_of(core->booked(core->ask(Deadline::now(), weight, Duration::zero())));
  const Duration wait = core->take(Deadline::now(), weight);
  return {wait == Duration::zero(), wait};
}

bool internal::start_now(const Limiter& limiter, std::uint32_t weight) {
  internal::LimiterHome& home = *limiter.home_;
  return home.status().ok() && home.here()->start_now(Deadline::now(), weight);
}

Operation<Duration> Limiter::acquire(Deadline deadline, std::uint32_t weight) const {
  const auto& core = home_->here();
  if (!home_->status().ok()) return core->ended(home_->status());
  return core->acquire(Deadline::now(), weight, deadline);
}

Reservation Limiter::reserve(Duration most_wait, std::uint32_t weight) const {
  if (!home_->status().ok()) {
    auto refused = std::make_unique<Reservation::State>();
    refused->never = home_->status();
    return {kNever, std::move(refused)};
  }
  // Made first: what is booked must not be lost for want of memory.
  auto state = std::make_unique<Reservation::State>();
  state->core = home_->here();
  if (!state->core->fits(weight)) {
    state->never = state->core->never(weight);
    return {kNever, std::move(state)};
  }
  if (state->core->is_remote()) {
    state->remote = state->core->booked(state->core->ask(Deadline::now(), weight, most_wait));
    if (!state->remote.granted()) return Reservation(verdict_of(state->remote));
    const TimePoint start = state->remote.local.start;
    return {start, std::move(state)};
  }
  state->booking = state->core->reserve(Deadline::now(), weight, most_wait);
  if (!state->booking.granted()) {
    return Reservation(verdict_of(state->booking.answer, state->booking.wait));
  }
  const TimePoint start = state->booking.start;
  return {start, std::move(state)};
}

void Limiter::penalize(Duration time) const {
  if (!home_->status().ok() || time <= Duration::zero()) return;
  const TimePoint now = Deadline::now();
  home_->here()->penalize(now, now + std::min(time, internal::LimiterWord::kLongestPenalty));
}

LimiterStats Limiter::stats() const {
  return home_->status().ok() ? home_->here()->stats() : LimiterStats();
}

}  // namespace tidegate
