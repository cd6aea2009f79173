// SPDX-License-Identifier: Apache-2.0
//
// The bases of the package's Breaker and BreakerPermit: what a call that is let through takes. A
// refusal and a failure are told to the package: _refused(), _failed(); and so is a block that is not
// left by whom it was entered last: _leave().
#include "tidegate/breaker.hpp"

#include <optional>
#include <string>
#include <utility>

#include "convert.hpp"
#include "gate.hpp"
#include "limiter.hpp"

namespace tidegate::python {

namespace {

struct PermitObject {
  PyObject_HEAD std::optional<BreakerPermit> permit;
};
struct BreakerObject {
  PyObject_HEAD std::optional<Breaker> breaker;  // none until make()
};

PyTypeObject* permit_base = nullptr;
PyObject* permit_type = nullptr;  // the package's
PyObject* inside = nullptr;       // its ContextVar: the blocks, (breaker, permit, outer)

PermitObject* as_permit(PyObject* object) { return reinterpret_cast<PermitObject*>(object); }
BreakerObject* as_breaker(PyObject* object) { return reinterpret_cast<BreakerObject*>(object); }

PyObject* new_permit(PyTypeObject* type, PyObject*, PyObject*) {
  auto* const made = allocate<PermitObject>(reinterpret_cast<PyObject*>(type));
  if (made) new (&made->permit) std::optional<BreakerPermit>();
  return reinterpret_cast<PyObject*>(made);
}

void free_permit(PyObject* object) {
  as_permit(object)->permit.~optional();
  free_object(object);
}

PyObject* end_permit(PyObject* object, Cause cause) {
  if (as_permit(object)->permit) as_permit(object)->permit->failure(cause);
  Py_RETURN_NONE;
}

PyObject* succeed_permit(PyObject* object, PyObject*) { return end_permit(object, Cause::kNone); }
PyObject* cancel_permit(PyObject* object, PyObject*) {
  return end_permit(object, Cause::kCancelled);
}

PyObject* end_with_cause(PyObject* object, PyObject* cause) {
  const long number = PyLong_AsLong(cause);
  if (number == -1 && PyErr_Occurred()) return nullptr;
  return end_permit(object, static_cast<Cause>(number));
}

PyObject* end_with_http_status(PyObject* object, PyObject* status) {
  const long number = PyLong_AsLong(status);
  if (number == -1 && PyErr_Occurred()) return nullptr;
  if (as_permit(object)->permit) as_permit(object)->permit->http_status(static_cast<int>(number));
  Py_RETURN_NONE;
}

// timed(timeout, took), in seconds
PyObject* time_permit(PyObject* object, PyObject* arguments) {
  double timeout = 0;
  double took = 0;
  if (!PyArg_ParseTuple(arguments, "dd", &timeout, &took)) return nullptr;
  if (as_permit(object)->permit) {
    as_permit(object)->permit->timed(span_within_a_day(timeout), span_within_a_day(took));
  }
  Py_RETURN_NONE;
}

PyObject* new_breaker(PyTypeObject* type, PyObject*, PyObject*) {
  auto* const made = allocate<BreakerObject>(reinterpret_cast<PyObject*>(type));
  if (made) new (&made->breaker) std::optional<Breaker>();
  return reinterpret_cast<PyObject*>(made);
}

void free_breaker(PyObject* object) {
  as_breaker(object)->breaker.~optional();
  free_object(object);
}

// Null with an exception where there is none yet.
Breaker* breaker_of(PyObject* object) {
  std::optional<Breaker>& breaker = as_breaker(object)->breaker;
  if (breaker) [[likely]]
    return &*breaker;
  raise(Cause::kBadArgument, "the breaker was not made: its __init__() was not called");
  return nullptr;
}

// make(config, service, name)
PyObject* make_breaker(PyObject* object, PyObject* arguments) {
  PyObject* config = nullptr;
  const char* service = nullptr;
  PyObject* name = nullptr;
  if (!PyArg_ParseTuple(arguments, "OsU", &config, &service, &name)) return nullptr;
  return guarded([&]() -> PyObject* {
    std::string text;
    if (!read_text(name, "name", text)) return nullptr;
    const auto& settings = py::handle(config).cast<const Config&>();
    BreakerOptions options = *service ? BreakerOptions::from(Service::from(settings, service))
                                      : BreakerOptions::from(settings);
    Breaker made(options.name(std::move(text)));
    if (const Status status = made.status(); !status.ok()) {
      return raise(status.cause(), status.message());
    }
    as_breaker(object)->breaker = std::move(made);
    Py_RETURN_NONE;
  });
}

PyObject* enter_breaker(PyObject* object, PyObject*) {
  return guarded([&]() -> PyObject* {
    Breaker* const breaker = breaker_of(object);
    if (!breaker) return nullptr;
    BreakerPermit permit = breaker->try_enter();
    if (!permit) [[unlikely]]
      return PyObject_CallMethod(object, "_refused", "d", seconds_of(permit.retry_after()));
    auto* const made = allocate<PermitObject>(permit_type);
    if (!made) return nullptr;
    new (&made->permit) std::optional<BreakerPermit>(std::move(permit));
    return reinterpret_cast<PyObject*>(made);
  });
}

bool set_inside(PyObject* block) {
  PyObject* const token = PyContextVar_Set(inside, block);
  Py_XDECREF(token);
  return token != nullptr;
}

PyObject* enter_breaker_block(PyObject* object, PyObject*) {
  PyObject* const permit = enter_breaker(object, nullptr);
  PyObject* outer = nullptr;
  if (!permit || PyContextVar_Get(inside, nullptr, &outer) < 0) {
    Py_XDECREF(permit);
    return nullptr;
  }
  PyObject* const block = PyTuple_Pack(3, object, permit, outer);
  Py_DECREF(outer);
  const bool is_set = block && set_inside(block);
  Py_XDECREF(block);
  if (is_set) return permit;
  Py_DECREF(permit);
  return nullptr;
}

// The permit of the block that is left; None where it was entered in another context.
PyObject* take_inside(PyObject* object) {
  PyObject* block = nullptr;
  if (PyContextVar_Get(inside, nullptr, &block) < 0) return nullptr;
  PyObject* permit = nullptr;
  if (PyTuple_Check(block) && PyTuple_GET_SIZE(block) == 3 &&
      PyTuple_GET_ITEM(block, 0) == object) {
    if (set_inside(PyTuple_GET_ITEM(block, 2))) permit = Py_NewRef(PyTuple_GET_ITEM(block, 1));
  } else {
    permit = PyObject_CallMethod(object, "_leave", nullptr);
  }
  Py_DECREF(block);
  return permit;
}

// __exit__(kind, error, traceback)
PyObject* leave_breaker_block(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 3) {
    PyErr_SetString(PyExc_TypeError, "__exit__() takes three arguments");
    return nullptr;
  }
  PyObject* const permit = take_inside(object);
  if (!permit || permit == Py_None) return permit;
  PyObject* done = nullptr;
  if (arguments[1] == Py_None && PyObject_TypeCheck(permit, permit_base)) {
    done = succeed_permit(permit, nullptr);
  } else {
    done = PyObject_CallMethod(object, "_failed", "OO", permit, arguments[1]);
  }
  Py_DECREF(permit);
  return done;
}

PyObject* refusal_of(PyObject* object, PyObject* retry_after) {
  const double seconds = PyFloat_AsDouble(retry_after);
  if (seconds == -1.0 && PyErr_Occurred()) return nullptr;
  return guarded([&]() -> PyObject* {
    Breaker* const breaker = breaker_of(object);
    if (!breaker) return nullptr;
    const auto wait = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
    return to_str(breaker->refusal(wait).message());
  });
}

PyObject* counts_of(PyObject* object, PyObject*) {
  return guarded([&]() -> PyObject* {
    Breaker* const breaker = breaker_of(object);
    if (!breaker) return nullptr;
    return breaker_stats(breaker->stats()).release().ptr();
  });
}

PyObject* force_breaker(PyObject* object, PyObject* mode) {
  const long number = PyLong_AsLong(mode);
  if (number == -1 && PyErr_Occurred()) return nullptr;
  return guarded([&]() -> PyObject* {
    Breaker* const breaker = breaker_of(object);
    if (!breaker) return nullptr;
    breaker->force(static_cast<BreakerMode>(number));
    Py_RETURN_NONE;
  });
}

// install_breaker(permit class, ContextVar)
PyObject* install_breaker(PyObject*, PyObject* arguments) {
  if (!PyArg_ParseTuple(arguments, "OO", &permit_type, &inside)) return nullptr;
  Py_INCREF(permit_type);
  Py_INCREF(inside);
  Py_RETURN_NONE;
}

PyMethodDef kPermitMethods[] = {
    {"success", succeed_permit, METH_NOARGS, "The service did what it was asked."},
    {"cancel", cancel_permit, METH_NOARGS, "Nothing is known of the service."},
    {"http_status", end_with_http_status, METH_O,
     "There was an answer: 500 and above is a failure, 429 says nothing."},
    {"_timed", time_permit, METH_VARARGS, nullptr},
    {"_ended", end_with_cause, METH_O, nullptr},
    {},
};
PyMethodDef kBreakerMethods[] = {
    {"enter", enter_breaker, METH_NOARGS,
     "The right to make one call, for where no ``with`` fits. Never waits.\n\n"
     "Raises:\n    CircuitOpen: It is open; ``retry_after`` says for how long."},
    {"__enter__", enter_breaker_block, METH_NOARGS, nullptr},
    {"__exit__", fastcall(leave_breaker_block), METH_FASTCALL, nullptr},
    {"_make", make_breaker, METH_VARARGS, nullptr},
    {"_refusal", refusal_of, METH_O, nullptr},
    {"_counts", counts_of, METH_NOARGS, nullptr},
    {"_force", force_breaker, METH_O, nullptr},
    {},
};
PyMethodDef kInstall = {"install_breaker", install_breaker, METH_VARARGS, nullptr};

}  // namespace

py::tuple breaker_stats(const BreakerStats& stats) {
  return py::make_tuple(breaker_state_name(stats.state), static_cast<int>(stats.mode),
                        seconds_of(stats.retry_after), stats.calls, stats.failures, stats.slow,
                        stats.probing, stats.redis_answers, stats.redis_failures);
}

void add_breaker(py::module_& module) {
  static PyType_Slot permit_slots[] = {
      {Py_tp_new, reinterpret_cast<void*>(new_permit)},
      {Py_tp_dealloc, reinterpret_cast<void*>(free_permit)},
      {Py_tp_methods, kPermitMethods},
      {0, nullptr},
  };
  static PyType_Slot breaker_slots[] = {
      {Py_tp_new, reinterpret_cast<void*>(new_breaker)},
      {Py_tp_dealloc, reinterpret_cast<void*>(free_breaker)},
      {Py_tp_methods, kBreakerMethods},
      {0, nullptr},
  };
  static PyType_Spec permit_spec = {"tidegate._core.BreakerPermit", sizeof(PermitObject), 0,
                                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, permit_slots};
  static PyType_Spec breaker_spec = {"tidegate._core.Breaker", sizeof(BreakerObject), 0,
                                     Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, breaker_slots};
  permit_base = add_type(module, permit_spec);
  add_type(module, breaker_spec);
  PyObject* const install = PyCFunction_New(&kInstall, nullptr);
  if (!install) throw py::error_already_set();
  module.attr("install_breaker") = py::reinterpret_steal<py::object>(install);
}

}  // namespace tidegate::python
