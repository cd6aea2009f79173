// SPDX-License-Identifier: Apache-2.0
// Gates and breakers in Python.
#pragma once

#include "operation.hpp"
#include "tidegate/gate.hpp"

namespace tidegate::python {

// Raises what it says where it cannot work.
void check_gate(const Gate& gate);

// The Answer with the package's permit.
PyObject* answer_permit(OperationObject* self, GatePermit granted);

// state, mode, retry_after, calls, failures, slow, probing
py::tuple breaker_stats(const BreakerStats& stats);

}  // namespace tidegate::python
