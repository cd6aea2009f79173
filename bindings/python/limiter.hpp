// SPDX-License-Identifier: Apache-2.0
// What limiters in Python have in common.
#pragma once

#include <cstdint>

#include "convert.hpp"
#include "tidegate/limiter.hpp"

namespace tidegate::python {

Duration span_of(double seconds);
// A day at the most; nothing where that is no number from zero on.
Duration span_within_a_day(double seconds);

// Adds rates, (permits, seconds, burst, is_strict) each, and a pace, (interval, jitter, every, least,
// most) or None.
void read_limits(LimiterOptions& options, py::handle rates, py::handle pace);

// A weight that no limiter grants stands for what is out of range.
bool read_weight(PyObject* const* arguments, Py_ssize_t count, std::uint32_t& weight);

// The operation of all starts that never had to wait: it has ended, and nobody can change it.
// Borrowed.
PyObject* granted();

// Of `state`, owned by `owner`; `deadline` as in start().
PyObject* make_turn(const Operation<Duration>& turn, double deadline, PyObject* owner);
// Infinity is no deadline.
Deadline deadline_at(double seconds);

}  // namespace tidegate::python
