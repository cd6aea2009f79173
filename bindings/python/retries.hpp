// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "python.hpp"
#include "tidegate/retry.hpp"

namespace tidegate::python {

// The budget in a RetryBudget; throws a TypeError for what is none.
const RetryBudget& retry_budget_of(PyObject* budget);

}  // namespace tidegate::python
