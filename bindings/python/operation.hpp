// SPDX-License-Identifier: Apache-2.0
//
// OperationObject: a call in flight, and AnswerObject: what it came back with. The package's
// classes Operation and Answer are subclasses of these.
#pragma once

#include "python.hpp"
#include "tidegate/answer.hpp"
#include "tidegate/operation.hpp"

namespace tidegate::python {

// What the native result of an operation is.
enum class Yield : std::uint8_t {
  kCall,  // a tag; the value is an attribute of `call`
  kRows,
  kHit,  // what a cache found
  kResponse,
  kStream,
  kChunk,  // bytes of one
  kSize,   // that were taken
  kFlag,
  kTurn,    // how long a start waited for it
  kPermit,  // of a gate, which makes the package's of it
  kNone     // nothing that anybody asks for
};

struct OperationObject {
  PyObject_HEAD internal::OperationRef state;
  Yield yield;
  double begun;     // where it is an exchange, on the clock of time.monotonic()
  double deadline;  // on the same clock; infinity if there is none
  PyObject* owner;  // the lane, so that the executor outlives what it runs
  PyObject* label;
  PyObject* default_;  // the package's MISSING: none
  PyObject* call;      // None for a query
  PyObject* answer;    // once somebody has asked
};

struct AnswerObject {
  PyObject_HEAD internal::OperationRef state;  // holds the rows until somebody asks for the value
  Timings spent;                               // what `timings` is made of at the first look
  PyObject* value;
  PyObject* source;
  PyObject* reason;
  PyObject* timings;
  double age;
  unsigned long long version;
};
// A fresh one; its value is made of the rows in `state` if that is not empty. Steals `value`.
PyObject* make_answer(internal::OperationRef state, const Timings& spent, PyObject* value);

// A fresh one of a subclass, without a value; its slots are for the caller to fill.
PyObject* make_answer_of(PyObject* type);

// The exception that the package makes of a status.
PyObject* make_error(const Status& status);

// What a submit() found out about the operation that it makes.
struct Submitted {
  internal::OperationRef state;
  Yield yield;
  double begun = 0;
  double deadline;
  PyObject* owner;
  PyObject* label;
  PyObject* default_;
  PyObject* call;
  PyObject* type = hooks.operation;  // a subclass of it
};
PyObject* make_operation(Submitted submitted);

// The Answer; or null with the failure raised. REQUIRES: it is done.
PyObject* answer_of(OperationObject* operation);

// Raises Closed for an operation of the process before a fork.
PyObject* raise_forked();

// The iterator of an await expression.
PyObject* await_operation(PyObject* operation);

inline OperationObject* as_operation(PyObject* object) {
  return reinterpret_cast<OperationObject*>(object);
}

}  // namespace tidegate::python
