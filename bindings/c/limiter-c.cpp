// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "guard.hpp"
#include "limiter.hpp"
#include "options.hpp"
#include "start.hpp"

namespace tidegate::c {
namespace {

constexpr char kLimiterType[] = "tidegate_limiter";

static_assert(static_cast<int>(Share::kHost) == TIDEGATE_SHARE_HOST &&
              static_cast<int>(Share::kRedis) == TIDEGATE_SHARE_REDIS &&
              static_cast<int>(ShareDown::kOpen) == TIDEGATE_SHARE_DOWN_OPEN &&
              static_cast<int>(ShareDown::kRefuse) == TIDEGATE_SHARE_DOWN_REFUSE);

}  // namespace

Duration time_of(std::int64_t ms) noexcept {
  constexpr std::int64_t kMostMs = std::int64_t{1000} * 86'400 * 366;
  return std::chrono::milliseconds(std::clamp(ms, -kMostMs, kMostMs));
}

Result<LimiterOptions> limiter_options(const tidegate_limiter_options& given,
                                       LimiterOptions options) {
  if (!given.rates && given.rate_count) {
    return bad_argument("the rates are NULL, and their count is not 0");
  }
  for (const tidegate_rate& rate : std::span(given.rates, given.rate_count)) {
    const std::uint32_t burst = rate.burst ? rate.burst : 1;
    if (rate.is_strict) {
      options.strict(rate.permits, time_of(rate.per_ms), burst);
    } else {
      options.rate(rate.permits, time_of(rate.per_ms), burst);
    }
  }
  if (given.pace_ms) options.pace(time_of(given.pace_ms), time_of(given.jitter_ms));
  options.pause_every(given.pause_every, time_of(given.least_pause_ms),
                      time_of(given.most_pause_ms));
  if (given.queue) options.queue(given.queue);
  if (given.share < TIDEGATE_SHARE_PROCESS || given.share > TIDEGATE_SHARE_REDIS) {
    return bad_argument("a share is one of TIDEGATE_SHARE_PROCESS to _REDIS");
  }
  if (given.share_down < TIDEGATE_SHARE_DOWN_LOCAL ||
      given.share_down > TIDEGATE_SHARE_DOWN_REFUSE) {
    return bad_argument("share_down is one of TIDEGATE_SHARE_DOWN_LOCAL to _REFUSE");
  }
  if (given.share) options.share(static_cast<Share>(given.share));
  if (given.share_down) options.share_down(static_cast<ShareDown>(given.share_down));
  if (given.redis) options.redis(given.redis);
  if (given.redis_timeout_ms) options.redis_timeout(time_of(given.redis_timeout_ms));
  if (given.share_workers) options.share_workers(given.share_workers);
  if (given.state_dir) options.state_dir(given.state_dir);
  return options;
}

Result<LimiterOptions> limiter_options(const tidegate_limiter_options* given,
                                       LimiterOptions options) {
  tidegate_limiter_options wanted = TIDEGATE_LIMITER_OPTIONS_INIT;
  const Status status = read_options(given, wanted);
  if (!status.ok()) return status;
  return limiter_options(wanted, std::move(options));
}

Status write_counts(const LimiterStats& stats, tidegate_limiter_counts* counts) {
  if (!counts) return bad_argument("there is no place for the counts: it is NULL");
  tidegate_limiter_counts values = TIDEGATE_LIMITER_COUNTS_INIT;
  values.granted = stats.granted;
  values.refused = stats.refused;
  values.lost = stats.lost;
  values.penalties = stats.penalties;
  values.waiting = stats.waiting;
  values.redis_decisions = stats.redis_decisions;
  values.redis_failures = stats.redis_failures;
  return write_struct(values, counts);
}

}  // namespace tidegate::c

using namespace tidegate;     // NOLINT(google-build-using-namespace)
using namespace tidegate::c;  // NOLINT(google-build-using-namespace)

tidegate_status tidegate_limiter_create(const char* name, const tidegate_limiter_options* given,
                                        tidegate_limiter** limiter, tidegate_error** err) {
  return guard(err, [&] {
    Status status = clear(limiter);
    if (!status.ok()) return status;
    if (!name || !*name) return bad_argument("the limiter has no name");
    Result<LimiterOptions> options = limiter_options(given);
    if (!options.ok()) return options.status();
    auto made = std::make_unique<LimiterObject>(options->name(name));
    status = made->limiter.status();
    return status.ok() ? give(limiter, std::move(made)) : status;
  });
}

void tidegate_limiter_destroy(tidegate_limiter* limiter) { give_back(limiter); }

// A refusal is told without a Status, which would be allocated.
tidegate_status tidegate_limiter_try_acquire(tidegate_limiter* handle, uint32_t weight,
                                             int64_t* retry_after_ms) {
  return guard_value<tidegate_status>(TIDEGATE_RESOURCE_EXHAUSTED, [&]() -> tidegate_status {
    if (retry_after_ms) *retry_after_ms = 0;
    const Pin limiter(handle);
    if (!limiter) return TIDEGATE_INVALID_ARGUMENT;
    const Verdict verdict = limiter->limiter.try_acquire(weight);
    if (verdict) return TIDEGATE_OK;
    if (verdict.retry_after() == Duration::max()) return TIDEGATE_INVALID_ARGUMENT;
    if (verdict.retry_after() == Duration::zero()) return TIDEGATE_UNAVAILABLE;
    if (retry_after_ms) *retry_after_ms = to_ms(verdict.retry_after());
    return TIDEGATE_RESOURCE_EXHAUSTED;
  });
}

tidegate_status tidegate_limiter_acquire(tidegate_limiter* handle, uint32_t weight,
                                         int64_t timeout_ms, tidegate_op** op,
                                         tidegate_error** err) {
  return guard(err, [&] {
    Status status = clear(op);
    if (!status.ok()) return status;
    const Pin limiter(handle);
    if (!limiter) return no_handle(handle, kLimiterType);
    const Deadline deadline = deadline_in_ms(timeout_ms);
    start_op(
        OpRef(internal::OperationRef::adopt(new OpState(OpState::Gives::kTurn))), nullptr,
        [&] { return limiter->limiter.acquire(deadline, weight).state(); }, op);
    return Status();
  });
}

tidegate_status tidegate_limiter_reserve(tidegate_limiter* handle, uint32_t weight,
                                         int64_t most_wait_ms, tidegate_reservation** reservation,
                                         tidegate_error** err) {
  return guard(err, [&] {
    Status status = clear(reservation);
    if (!status.ok()) return status;
    const Pin limiter(handle);
    if (!limiter) return no_handle(handle, kLimiterType);
    const Duration most = most_wait_ms < 0 ? Duration::max() : time_of(most_wait_ms);
    Reservation booked = limiter->limiter.reserve(most, weight);
    if (!booked) return booked.status();
    return give(reservation, std::make_unique<ReservationObject>(std::move(booked)));
  });
}

int64_t tidegate_reservation_wait_ms(const tidegate_reservation* handle) {
  return guard_value<std::int64_t>(0, [&]() -> std::int64_t {
    const Pin booked(handle);
    if (!booked) return 0;
    return to_ms(std::max(Duration::zero(), booked->reservation.start() - Deadline::now()));
  });
}

void tidegate_reservation_cancel(tidegate_reservation* handle) {
  guard_value(0, [&] {
    const Pin booked(handle);
    if (booked && !booked->is_cancelled.exchange(true)) booked->reservation.cancel();
    return 0;
  });
}

void tidegate_reservation_destroy(tidegate_reservation* reservation) { give_back(reservation); }

tidegate_status tidegate_limiter_penalize(tidegate_limiter* handle, int64_t time_ms,
                                          tidegate_error** err) {
  return guard(err, [&] {
    const Pin limiter(handle);
    if (!limiter) return no_handle(handle, kLimiterType);
    limiter->limiter.penalize(time_of(time_ms));
    return Status();
  });
}

tidegate_status tidegate_limiter_stats(tidegate_limiter* handle, tidegate_limiter_counts* counts,
                                       tidegate_error** err) {
  return guard(err, [&] {
    const Pin limiter(handle);
    if (!limiter) return no_handle(handle, kLimiterType);
    return write_counts(limiter->limiter.stats(), counts);
  });
}
