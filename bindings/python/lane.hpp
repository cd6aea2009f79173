// SPDX-License-Identifier: Apache-2.0
// The lanes of an executor, a database or callables on Python's threads, and what their calls
// share.
#pragma once

#include <string>

#include "operation.hpp"
#include "python.hpp"
#include "tidegate/query.hpp"

namespace tidegate::python {

// Both keep `executor` alive.
PyObject* make_database(Database database, PyObject* executor);
const Database& database_of(PyObject* object);
PyObject* make_external(External external, PyObject* executor);
const External& external_of(PyObject* object);

// The last four arguments of every submit(): timeout and deadline in seconds, the latter None or on
// the clock of time.monotonic(), a label, and a default or the package's MISSING.
struct CallOptions {
  Duration timeout{};
  Deadline deadline;
  std::string label;
  PyObject* label_object = nullptr;
  PyObject* default_ = nullptr;
};

// False with an exception set; Closed once the runtime is shut down.
bool read_options(PyObject* const* arguments, CallOptions& options);

// The package's Operation over a call that was started with `options`.
PyObject* submitted(internal::OperationRef state, const CallOptions& options, PyObject* owner,
                    PyObject* call);

}  // namespace tidegate::python
