// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <memory>

#include "guard.hpp"
#include "retry.hpp"

using namespace tidegate;     // NOLINT(google-build-using-namespace)
using namespace tidegate::c;  // NOLINT(google-build-using-namespace)

tidegate_status tidegate_retry_budget_create(double share, double per_second, double holds,
                                             tidegate_retry_budget** budget, tidegate_error** err) {
  return guard(err, [&] {
    Status status = clear(budget);
    if (!status.ok()) return status;
    const bool is_good = share >= 0 && per_second >= 0 && holds >= 0;
    if (!is_good) return bad_argument("share, per_second and holds must be numbers from 0 on");
    return give(budget, std::make_unique<RetryBudgetObject>(RetryBudget(share, per_second, holds)));
  });
}

void tidegate_retry_budget_destroy(tidegate_retry_budget* budget) { give_back(budget); }

void tidegate_retry_budget_call(tidegate_retry_budget* handle) {
  guard_value(0, [&] {
    const Pin budget(handle);
    if (budget) budget->budget.call();
    return 0;
  });
}

int32_t tidegate_retry_budget_try_take(tidegate_retry_budget* handle) {
  return guard_value<std::int32_t>(0, [&]() -> std::int32_t {
    const Pin budget(handle);
    return budget && budget->budget.try_take() ? 1 : 0;
  });
}

double tidegate_retry_budget_left(const tidegate_retry_budget* handle) {
  return guard_value<double>(0.0, [&]() -> double {
    const Pin budget(handle);
    return budget ? budget->budget.left() : 0.0;
  });
}
