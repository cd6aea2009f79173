// SPDX-License-Identifier: Apache-2.0
// A limiter by the clock of an event loop: what the adapters of others' limiters decide by.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <new>
#include <utility>

#include "convert.hpp"
#include "tidegate/limiter.hpp"

namespace tidegate::python {

namespace {

struct TimedObject {
  PyObject_HEAD vectorcallfunc call;
  TimedLimiter limiter;
};

PyObject* ask_timed(PyObject* object, PyObject* const* arguments, std::size_t flags, PyObject*);

TimedLimiter& timed(PyObject* object) { return reinterpret_cast<TimedObject*>(object)->limiter; }

// TimedLimiter(name, interval in ns, burst): a permit comes each interval.
PyObject* new_timed(PyTypeObject* type, PyObject* arguments, PyObject*) {
  const char* name = nullptr;
  long long interval = 0;
  unsigned int burst = 0;
  if (!PyArg_ParseTuple(arguments, "sLI", &name, &interval, &burst)) return nullptr;
  return guarded([&]() -> PyObject* {
    TimedLimiter made(LimiterOptions().name(name).rate(1, Duration(interval), burst));
    if (const Status status = made.status(); !status.ok()) {
      return raise(status.cause(), status.message());
    }
    auto* const object = allocate<TimedObject>(reinterpret_cast<PyObject*>(type));
    if (!object) return nullptr;
    object->call = ask_timed;
    new (&object->limiter) TimedLimiter(std::move(made));
    return reinterpret_cast<PyObject*>(object);
  });
}

void drop_timed(PyObject* object) {
  timed(object).~TimedLimiter();
  free_object(object);
}

// limiter(now, weight, takes) -> seconds until so much may start; 0.0: now, and then it is taken if
// `takes`. Infinity for a weight that never may.
PyObject* ask_timed(PyObject* object, PyObject* const* arguments, std::size_t flags, PyObject*) {
  if (PyVectorcall_NARGS(flags) != 3) {
    return raise(Cause::kBadArgument, "it takes a time, a weight and whether to take it");
  }
  return guarded([&]() -> PyObject* {
    const double seconds = PyFloat_AsDouble(arguments[0]);
    if (PyErr_Occurred()) return nullptr;
    const unsigned long given = PyLong_AsUnsignedLong(arguments[1]);
    if (PyErr_Occurred()) return nullptr;
    constexpr double kMost = 9e9;
    // Rounded: a nanosecond is not lost that a clock's double has lost already.
    const TimePoint now(Duration(std::llround(std::clamp(seconds, 0.0, kMost) * 1e9)));
    const auto weight = static_cast<std::uint32_t>(std::min(given, 0xffff'fffful));
    const TimedLimiter& limiter = timed(object);
    const Duration wait = arguments[2] == Py_True ? limiter.try_acquire(now, weight).retry_after()
                                                  : limiter.wait(now, weight);
    return PyFloat_FromDouble(wait == Duration::max() ? std::numeric_limits<double>::infinity()
                                                      : seconds_of(wait));
  });
}

PyMemberDef kTimedMembers[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(TimedObject, call), READONLY, nullptr},
    {},
};

}  // namespace

void add_timed_limiter(py::module_& module) {
  static PyType_Slot slots[] = {
      {Py_tp_new, reinterpret_cast<void*>(&new_timed)},
      {Py_tp_dealloc, reinterpret_cast<void*>(&drop_timed)},
      {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
      {Py_tp_members, kTimedMembers},
      {0, nullptr},
  };
  static PyType_Spec spec = {"tidegate._core.TimedLimiter", sizeof(TimedObject), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL, slots};
  add_type(module, spec);
}

}  // namespace tidegate::python
