// SPDX-License-Identifier: Apache-2.0
// Parameters and rows on their way across.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "python.hpp"
#include "tidegate/answer.hpp"
#include "tidegate/deadline.hpp"
#include "tidegate/headers.hpp"
#include "tidegate/rows.hpp"

namespace tidegate::python {

// A str of any characters but lone surrogates, which are refused by the argument's name. False with
// an exception set.
bool read_text(PyObject* given, const std::string& name, std::string& text);

// None, a mapping of names or a sequence. False with an exception set.
bool read_params(PyObject* given, Params& params);

// A number of seconds, or None for nothing. False with an exception set.
bool read_seconds(PyObject* given, std::optional<double>& seconds);
bool read_timeout(PyObject* given, std::optional<Duration>& timeout);
// On the clock of time.monotonic().
bool read_deadline(PyObject* given, Deadline& deadline);

inline double seconds_of(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

PyObject* to_tuple(std::span<const std::string> lines);

// Of pairs of text. Raises where they are none.
Headers headers_of(const py::sequence& fields);

// The package's Rows: a list with a dict for each row.
PyObject* make_rows(const Rows& rows);
PyObject* make_timings(const Timings& timings);

}  // namespace tidegate::python
