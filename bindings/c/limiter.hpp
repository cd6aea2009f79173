// SPDX-License-Identifier: Apache-2.0
//
// What is behind a tidegate_limiter and a tidegate_reservation.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "objects.hpp"
#include "tidegate/c.h"
#include "tidegate/limiter.hpp"

namespace tidegate::c {

// Longer ones are refused by the limiter, which says why.
Duration time_of(std::int64_t ms) noexcept;

// What is left open stays as `options` have it.
Result<LimiterOptions> limiter_options(const tidegate_limiter_options& given,
                                       LimiterOptions options = {});
// The same of what the caller passed; NULL is what promises nothing.
Result<LimiterOptions> limiter_options(const tidegate_limiter_options* given,
                                       LimiterOptions options = {});

Status write_counts(const LimiterStats& stats, tidegate_limiter_counts* counts);

class LimiterObject final : public Object {
 public:
  explicit LimiterObject(const LimiterOptions& options) : limiter(options) {}
  const Limiter limiter;
};

class ReservationObject final : public Object {
 public:
  explicit ReservationObject(Reservation what) noexcept : reservation(std::move(what)) {}
  Reservation reservation;
  std::atomic<bool> is_cancelled{false};
};

template <>
struct ObjectOf<tidegate_reservation> : Behind<ReservationObject, Kind::kReservation> {};
template <>
struct ObjectOf<tidegate_limiter> : Behind<LimiterObject, Kind::kLimiter> {};

}  // namespace tidegate::c
