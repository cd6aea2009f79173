// SPDX-License-Identifier: Apache-2.0
// The native half of the package's Limiter: try_acquire() is one call of C.
#include "tidegate/limiter.hpp"

#include <limits>
#include <new>

#include "convert.hpp"
#include "operation.hpp"

namespace tidegate::python {

namespace {

struct LimiterObject {
  PyObject_HEAD Limiter limiter;
};

LimiterObject* as_limiter(PyObject* object) { return reinterpret_cast<LimiterObject*>(object); }

Duration span_of(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

// A weight that no limiter grants stands for what is out of range.
bool read_weight(PyObject* const* arguments, Py_ssize_t count, std::uint32_t& weight) {
  weight = 1;
  if (count == 0) return true;
  if (count > 1) return raise(Cause::kBadArgument, "try_acquire() takes one weight") != nullptr;
  const long given = PyLong_AsLong(arguments[0]);
  if (PyErr_Occurred()) return false;
  constexpr long kMost = std::numeric_limits<std::int32_t>::max();
  weight = given < 1 || given > kMost ? 0 : static_cast<std::uint32_t>(given);
  return true;
}

PyObject* raise_status(const Status& status) { return raise(status.cause(), status.message()); }

// Limiter(name, rates, pace, queue): rates are (permits, seconds, burst, is_strict), pace is
// (interval, jitter, every, least, most) or None.
PyObject* new_limiter(PyTypeObject* type, PyObject* arguments, PyObject*) {
  return guarded([&]() -> PyObject* {
    const auto given = py::reinterpret_borrow<py::tuple>(arguments);
    LimiterOptions options;
    options.name(given[0].cast<std::string>()).queue(given[3].cast<std::size_t>());
    for (const py::handle each : given[1].cast<py::tuple>()) {
      const auto rate = each.cast<py::tuple>();
      const auto permits = rate[0].cast<std::uint64_t>();
      const Duration per = span_of(rate[1].cast<double>());
      const auto burst = rate[2].cast<std::uint32_t>();
      rate[3].cast<bool>() ? options.strict(permits, per, burst)
                           : options.rate(permits, per, burst);
    }
    if (!given[2].is_none()) {
      const auto pace = given[2].cast<py::tuple>();
      options.pace(span_of(pace[0].cast<double>()), span_of(pace[1].cast<double>()));
      options.pause_every(pace[2].cast<std::uint32_t>(), span_of(pace[3].cast<double>()),
                          span_of(pace[4].cast<double>()));
    }
    Limiter made(options);
    if (const Status status = made.status(); !status.ok()) return raise_status(status);
    PyObject* const object = type->tp_alloc(type, 0);
    if (object) new (&as_limiter(object)->limiter) Limiter(std::move(made));
    return object;
  });
}

void drop_limiter(PyObject* object) {
  as_limiter(object)->limiter.~Limiter();
  free_object(object);
}

// True or False. Raises for a weight beyond the burst.
PyObject* try_limiter(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    std::uint32_t weight = 1;
    if (!read_weight(arguments, count, weight)) return nullptr;
    const Verdict verdict = as_limiter(object)->limiter.try_acquire(weight);
    if (verdict) Py_RETURN_TRUE;
    if (verdict.retry_after() != Duration::max()) Py_RETURN_FALSE;
    return raise(Cause::kBadArgument, "a weight must be from 1 to the burst");
  });
}

// start(weight, deadline) -> Operation; infinity is no deadline.
PyObject* begin_acquire(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 2) return raise(Cause::kBadArgument, "start() takes two arguments");
  return guarded([&]() -> PyObject* {
    std::uint32_t weight = 1;
    if (!read_weight(arguments, 1, weight)) return nullptr;
    const double deadline = PyFloat_AsDouble(arguments[1]);
    if (PyErr_Occurred()) return nullptr;
    constexpr double kNever = 9e9;
    const auto turn = as_limiter(object)->limiter.acquire(
        deadline < kNever ? Deadline::at(TimePoint(span_of(deadline))) : Deadline::never(), weight);
    return make_operation({.state = turn.state(),
                           .yield = Yield::kTurn,
                           .deadline = deadline,
                           .owner = object,
                           .label = names.empty,
                           .default_ = hooks.missing,
                           .call = Py_None});
  });
}

PyObject* penalize_limiter(PyObject* object, PyObject* seconds) {
  return guarded([&]() -> PyObject* {
    const double time = PyFloat_AsDouble(seconds);
    if (PyErr_Occurred()) return nullptr;
    as_limiter(object)->limiter.penalize(span_of(std::min(time, 86400.0)));
    Py_RETURN_NONE;
  });
}

PyMethodDef kLimiterMethods[] = {
    {"try_acquire", fastcall(try_limiter), METH_FASTCALL,
     "try_acquire(weight=1): whether it may start now. Never waits; False costs nothing."},
    {"start", fastcall(begin_acquire), METH_FASTCALL, nullptr},
    {"penalize", penalize_limiter, METH_O, nullptr},
    {},
};

}  // namespace

void add_limiter(py::module_& module) {
  static PyType_Slot slots[] = {
      {Py_tp_new, reinterpret_cast<void*>(&new_limiter)},
      {Py_tp_dealloc, reinterpret_cast<void*>(&drop_limiter)},
      {Py_tp_methods, kLimiterMethods},
      {0, nullptr},
  };
  static PyType_Spec spec = {"tidegate._core.Limiter", sizeof(LimiterObject), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  add_type(module, spec);
}

}  // namespace tidegate::python
