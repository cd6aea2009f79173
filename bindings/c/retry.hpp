// SPDX-License-Identifier: Apache-2.0
//
// What is behind a tidegate_retry_budget.
#pragma once

#include "objects.hpp"
#include "tidegate/c.h"
#include "tidegate/retry.hpp"

namespace tidegate::c {

class RetryBudgetObject final : public Object {
 public:
  explicit RetryBudgetObject(RetryBudget what) noexcept : budget(std::move(what)) {}
  const RetryBudget budget;
};

template <>
struct ObjectOf<tidegate_retry_budget> : Behind<RetryBudgetObject, Kind::kRetryBudget> {};

}  // namespace tidegate::c
