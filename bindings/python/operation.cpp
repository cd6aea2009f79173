// SPDX-License-Identifier: Apache-2.0
#include "operation.hpp"

#include <unistd.h>

#include <cstddef>
#include <memory>
#include <optional>

#include "cache.hpp"
#include "convert.hpp"
#include "gate.hpp"
#include "http.hpp"
#include "stream.hpp"
#include "tidegate/answer.hpp"

namespace tidegate::python {

namespace {

// Between two looks for signals, which are the main thread's; of a thousand others that wait, each
// would take the GIL as often.
Duration slice_of_this_thread() {
  return std::chrono::milliseconds(::gettid() == ::getpid() ? 50 : 1000);
}

template <class T>
const Result<Answer<T>>& result_of(const OperationObject* self) {
  return *static_cast<const Result<Answer<T>>*>(self->state->result());
}

int traverse_operation(PyObject* object, visitproc visit, void* arg) {
  OperationObject* const self = as_operation(object);
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(self->owner);
  Py_VISIT(self->default_);
  Py_VISIT(self->call);
  Py_VISIT(self->answer);
  return 0;
}

int clear_operation(PyObject* object) {
  OperationObject* const self = as_operation(object);
  Py_CLEAR(self->default_);
  Py_CLEAR(self->call);
  Py_CLEAR(self->answer);
  Py_CLEAR(self->owner);
  return 0;
}

void free_operation(PyObject* object) {
  OperationObject* const self = as_operation(object);
  PyObject_GC_UnTrack(object);
  std::destroy_at(&self->state);
  clear_operation(object);
  Py_CLEAR(self->label);
  free_object(object);
}

// What a binding attached to a failure, an exception or what the package keeps of one, borrowed; None
// where that is nothing.
PyObject* origin_of(const Status& status) {
  const auto origin = status.origin();
  return origin ? static_cast<PyObject*>(const_cast<void*>(origin.get())) : Py_None;
}

// Called for a failure of any kind: the package makes an Answer of the default, or raises.
PyObject* failed(OperationObject* self, const Status& status, const Timings* timings) {
  PyObject* const message = to_str(status.message());
  PyObject* const spent = timings ? make_timings(*timings) : Py_NewRef(Py_None);
  PyObject* const history = to_tuple(status.history());
  PyObject* made = nullptr;
  if (message && spent && history) {
    const double retry_after = seconds_of(status.retry_after().value_or(Duration::zero()));
    const double elapsed = seconds_of(timings ? timings->elapsed() : status.elapsed());
    made = PyObject_CallFunction(hooks.failed, "OiOdiOdOO", self, static_cast<int>(status.cause()),
                                 message, elapsed, status.attempts(), history, retry_after, spent,
                                 origin_of(status));
  }
  Py_XDECREF(message);
  Py_XDECREF(spent);
  Py_XDECREF(history);
  return made;
}

PyObject* answer_call(OperationObject* self) {
  const auto& result = result_of<std::uint64_t>(self);
  if (!result.ok()) return failed(self, result.status(), nullptr);
  PyObject* const value = PyObject_GetAttr(self->call, names.value);
  return value ? make_answer({}, result->timings, value) : nullptr;
}

// Every query has an empty fallback, so that its failures have timings too.
PyObject* answer_query(OperationObject* self) {
  const auto& result = result_of<Rows>(self);
  if (!result.ok()) return failed(self, result.status(), nullptr);
  if (result->degraded()) return failed(self, result->reason, &result->timings);
  return make_answer(self->state, result->timings, nullptr);
}

PyObject* make_the_answer(OperationObject* self) {
  switch (self->yield) {
    case Yield::kCall: return answer_call(self);
    case Yield::kRows: return answer_query(self);
    case Yield::kHit: {
      const auto& result = *static_cast<const Result<internal::CacheHit>*>(self->state->result());
      return result.ok() ? answer_hit(*result) : failed(self, result.status(), nullptr);
    }
    case Yield::kResponse: {
      const auto& result = *static_cast<const Result<Response>*>(self->state->result());
      return result.ok() ? answer_response(self, *result) : failed(self, result.status(), nullptr);
    }
    case Yield::kStream: {
      const auto& result = *static_cast<const Result<ResponseStream>*>(self->state->result());
      return result.ok() ? answer_stream(self, *result) : failed(self, result.status(), nullptr);
    }
    case Yield::kChunk: {
      const auto& result = *static_cast<const Result<Bytes>*>(self->state->result());
      return result.ok() ? answer_chunk(*result) : failed(self, result.status(), nullptr);
    }
    case Yield::kSize: {
      const auto& result = *static_cast<const Result<std::size_t>*>(self->state->result());
      return result.ok() ? PyLong_FromSize_t(*result) : failed(self, result.status(), nullptr);
    }
    case Yield::kFlag: {
      const auto& result = *static_cast<const Result<bool>*>(self->state->result());
      return result.ok() ? PyBool_FromLong(*result) : failed(self, result.status(), nullptr);
    }
    case Yield::kTurn: {
      const auto& result = *static_cast<const Result<Duration>*>(self->state->result());
      if (!result.ok()) return failed(self, result.status(), nullptr);
      PyObject* const waited = PyFloat_FromDouble(seconds_of(*result));
      return waited ? make_answer({}, Timings(), waited) : nullptr;
    }
    case Yield::kPermit: {
      auto result = internal::result_of<GatePermit>(*self->state.get());
      return result.ok() ? answer_permit(self, std::move(*result))
                         : failed(self, result.status(), nullptr);
    }
    case Yield::kNone: break;
  }
  return make_answer({}, Timings(), Py_NewRef(Py_None));
}

PyObject* answer(PyObject* object, PyObject*) {
  OperationObject* const self = as_operation(object);
  if (self->state->done()) return answer_of(self);
  if (!self->state->alive()) return raise_forked();
  return raise(Cause::kNotReady, "the operation has not ended yet");
}

// Ends at `timeout` at the latest: True if the operation has ended. See python.hpp for its form.
PyObject* wait(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  internal::OperationState* const state = as_operation(object)->state.get();
  Deadline until;
  if (count == 1 && arguments[0] != Py_None) {
    const double seconds = PyFloat_AsDouble(arguments[0]);
    if (seconds == -1.0 && PyErr_Occurred()) return nullptr;
    until = Deadline::after(Duration(static_cast<std::int64_t>(seconds * 1e9)));
  }
  const Duration pause = slice_of_this_thread();
  for (;;) {
    const Deadline slice = until.earlier(Deadline::after(pause));
    PyThreadState* const thread = PyEval_SaveThread();
    const bool done = state->wait_until(slice);
    PyEval_RestoreThread(thread);
    if (done) Py_RETURN_TRUE;
    if (!state->alive()) return raise_forked();
    if (PyErr_CheckSignals() < 0) return nullptr;
    if (until.passed()) Py_RETURN_FALSE;
  }
}

PyObject* cancel(PyObject* object, PyObject*) {
  as_operation(object)->state->cancel();
  Py_RETURN_NONE;
}

PyObject* get_done(PyObject* object, void*) {
  return PyBool_FromLong(as_operation(object)->state->done());
}

PyMethodDef kOperationMethods[] = {
    {"answer", answer, METH_NOARGS, nullptr},
    {"wait", fastcall(wait), METH_FASTCALL, nullptr},
    {"cancel", cancel, METH_NOARGS, nullptr},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, nullptr},
    {},
};
PyGetSetDef kOperationGetSet[] = {{"done", get_done, nullptr, nullptr, nullptr}, {}};
PyMemberDef kOperationMembers[] = {
    {"label", T_OBJECT, offsetof(OperationObject, label), READONLY, nullptr},
    {"_deadline", T_DOUBLE, offsetof(OperationObject, deadline), READONLY, nullptr},
    {"_default", T_OBJECT, offsetof(OperationObject, default_), READONLY, nullptr},
    {"_call", T_OBJECT, offsetof(OperationObject, call), READONLY, nullptr},
    {},
};

PyObject* no_new(PyTypeObject* type, PyObject*, PyObject*) {
  PyErr_Format(PyExc_TypeError, "%s objects are made by the library", type->tp_name);
  return nullptr;
}

}  // namespace

PyObject* make_operation(Submitted submitted) {
  auto* const made = allocate<OperationObject>(submitted.type);
  if (!made) return nullptr;
  new (&made->state) internal::OperationRef(std::move(submitted.state));
  made->yield = submitted.yield;
  made->begun = submitted.begun;
  made->deadline = submitted.deadline;
  made->owner = Py_NewRef(submitted.owner);
  made->label = Py_NewRef(submitted.label);
  made->default_ = Py_NewRef(submitted.default_);
  made->call = Py_NewRef(submitted.call);
  return reinterpret_cast<PyObject*>(made);
}

PyObject* answer_of(OperationObject* self) {
  if (!self->answer) {
    PyObject* const made = make_the_answer(self);
    if (!made) return nullptr;
    if (self->answer) {  // made by another thread meanwhile
      Py_DECREF(made);
    } else {
      self->answer = made;
      if (self->yield == Yield::kResponse) drop_body(self);
    }
  }
  return Py_NewRef(self->answer);
}

PyObject* make_error(const Status& status) {
  PyObject* const message = to_str(status.message());
  if (!message) return nullptr;
  PyObject* const error =
      PyObject_CallFunction(hooks.error, "iOdi", static_cast<int>(status.cause()), message,
                            seconds_of(status.elapsed()), status.attempts());
  Py_DECREF(message);
  if (!error || !status.origin()) return error;
  PyObject* const origin = origin_of(status);
  PyObject* const cause = PyExceptionInstance_Check(origin)
                              ? Py_NewRef(origin)
                              : PyObject_GetAttrString(origin, "error");
  if (!cause) {
    Py_DECREF(error);
    return nullptr;
  }
  if (PyExceptionInstance_Check(cause)) {
    PyException_SetCause(error, cause);
  } else {
    Py_DECREF(cause);
  }
  return error;
}

PyObject* raise_forked() {
  return raise(Cause::kClosed, "the operation belongs to the process before the fork");
}

void add_operation(py::module_& module) {
  static PyType_Slot slots[] = {
      {Py_tp_traverse, reinterpret_cast<void*>(traverse_operation)},
      {Py_tp_clear, reinterpret_cast<void*>(clear_operation)},
      {Py_tp_dealloc, reinterpret_cast<void*>(free_operation)},
      {Py_tp_new, reinterpret_cast<void*>(no_new)},
      {Py_tp_methods, kOperationMethods},
      {Py_tp_getset, kOperationGetSet},
      {Py_tp_members, kOperationMembers},
      {Py_am_await, reinterpret_cast<void*>(await_operation)},
      {0, nullptr},
  };
  static PyType_Spec spec = {"tidegate._core.Operation", sizeof(OperationObject), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
  add_type(module, spec);
}

}  // namespace tidegate::python
