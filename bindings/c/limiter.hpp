// SPDX-License-Identifier: Apache-2.0
//
// What is behind a tidegate_limiter.
#pragma once

#include "objects.hpp"
#include "tidegate/c.h"
#include "tidegate/limiter.hpp"

namespace tidegate::c {

class LimiterObject final : public Object {
 public:
  explicit LimiterObject(const LimiterOptions& options) : limiter(options) {}
  const Limiter limiter;
};

template <>
struct ObjectOf<tidegate_limiter> : Behind<LimiterObject, Kind::kLimiter> {};

}  // namespace tidegate::c
