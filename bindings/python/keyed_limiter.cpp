// SPDX-License-Identifier: Apache-2.0
// The native half of the package's KeyedLimiter. A key is a text, which counts as its UTF-8, or bytes.
#include "tidegate/keyed_limiter.hpp"

#include <new>
#include <string_view>

#include "limiter.hpp"

namespace tidegate::python {

namespace {

struct KeyedObject {
  PyObject_HEAD KeyedLimiter limiter;
};

const KeyedLimiter& keyed(PyObject* object) {
  return reinterpret_cast<KeyedObject*>(object)->limiter;
}

// KeyedLimiter(name, rates, pace, queue, key_queue, max_keys)
PyObject* new_keyed(PyTypeObject* type, PyObject* arguments, PyObject*) {
  return guarded([&]() -> PyObject* {
    const auto given = py::reinterpret_borrow<py::tuple>(arguments);
    LimiterOptions limits;
    read_limits(limits, given[1], given[2]);
    limits.queue(given[3].cast<std::size_t>());
    KeyedLimiter made(KeyedLimiterOptions(given[0].cast<std::string>())
                          .limits(limits)
                          .queue_of_key(given[4].cast<std::size_t>())
                          .max_keys(given[5].cast<std::size_t>()));
    if (const Status status = made.status(); !status.ok()) {
      return raise(status.cause(), status.message());
    }
    PyObject* const object = type->tp_alloc(type, 0);
    if (object) {
      new (&reinterpret_cast<KeyedObject*>(object)->limiter) KeyedLimiter(std::move(made));
    }
    return object;
  });
}

void drop_keyed(PyObject* object) {
  reinterpret_cast<KeyedObject*>(object)->limiter.~KeyedLimiter();
  free_object(object);
}

bool read_limited_key(PyObject* given, std::string_view& key) {
  Py_ssize_t size = 0;
  const char* text = nullptr;
  if (PyUnicode_Check(given)) {
    text = PyUnicode_AsUTF8AndSize(given, &size);
  } else if (PyBytes_Check(given)) {
    text = PyBytes_AS_STRING(given);
    size = PyBytes_GET_SIZE(given);
  } else {
    raise(Cause::kBadArgument, "a key is a str or bytes");
  }
  if (text) key = {text, static_cast<std::size_t>(size)};
  return text != nullptr;
}

// A key, and perhaps a weight.
bool read_asked(PyObject* const* arguments, Py_ssize_t count, std::string_view& key,
                std::uint32_t& weight) {
  if (count == 0) return raise(Cause::kBadArgument, "there is no key") != nullptr;
  return read_limited_key(arguments[0], key) && read_weight(arguments + 1, count - 1, weight);
}

// True or False. Raises for a weight beyond the burst, and for a key that is too long.
PyObject* try_keyed(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    std::string_view key;
    std::uint32_t weight = 1;
    if (!read_asked(arguments, count, key, weight)) return nullptr;
    const Verdict verdict = keyed(object).try_acquire(key, weight);
    if (verdict) Py_RETURN_TRUE;
    if (verdict.retry_after() != Duration::max()) Py_RETURN_FALSE;
    const Deadline now = Deadline::after(Duration::zero());
    const Status why = keyed(object).acquire(key, now, weight).wait().status();
    return raise(why.cause(), why.message());
  });
}

// _now(key, weight) -> Operation of a start that it may make now, or None.
PyObject* start_keyed_now(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    std::string_view key;
    std::uint32_t weight = 1;
    if (!read_asked(arguments, count, key, weight)) return nullptr;
    if (internal::start_now(keyed(object), key, weight)) return Py_XNewRef(granted());
    Py_RETURN_NONE;
  });
}

// _start(key, weight, deadline) -> Operation; infinity is no deadline.
PyObject* begin_keyed(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 3) return raise(Cause::kBadArgument, "_start() takes three arguments");
  return guarded([&]() -> PyObject* {
    std::string_view key;
    std::uint32_t weight = 1;
    if (!read_asked(arguments, 2, key, weight)) return nullptr;
    const double deadline = PyFloat_AsDouble(arguments[2]);
    if (PyErr_Occurred()) return nullptr;
    return make_turn(keyed(object).acquire(key, deadline_at(deadline), weight), deadline, object);
  });
}

// _penalize(key, seconds)
PyObject* penalize_keyed(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 2) return raise(Cause::kBadArgument, "_penalize() takes a key and seconds");
  return guarded([&]() -> PyObject* {
    std::string_view key;
    if (!read_limited_key(arguments[0], key)) return nullptr;
    const double time = PyFloat_AsDouble(arguments[1]);
    if (PyErr_Occurred()) return nullptr;
    keyed(object).penalize(key, span_of(time));
    Py_RETURN_NONE;
  });
}

PyObject* get_keyed_counts(PyObject* object, void*) {
  return guarded([&]() -> PyObject* {
    const KeyedLimiterStats stats = keyed(object).stats();
    return py::make_tuple(stats.granted, stats.refused, stats.lost, stats.penalties, stats.waiting,
                          stats.keys, stats.forgotten, stats.crowded)
        .release()
        .ptr();
  });
}

PyMethodDef kKeyedMethods[] = {
    {"try_acquire", fastcall(try_keyed), METH_FASTCALL,
     "try_acquire(key, weight=1): whether it may start now. Never waits; False costs nothing."},
    {"_now", fastcall(start_keyed_now), METH_FASTCALL, nullptr},
    {"_start", fastcall(begin_keyed), METH_FASTCALL, nullptr},
    {"_penalize", fastcall(penalize_keyed), METH_FASTCALL, nullptr},
    {},
};
PyGetSetDef kKeyedGetSet[] = {{"_counts", get_keyed_counts, nullptr, nullptr, nullptr}, {}};

}  // namespace

void add_keyed_limiter(py::module_& module) {
  static PyType_Slot slots[] = {
      {Py_tp_new, reinterpret_cast<void*>(&new_keyed)},
      {Py_tp_dealloc, reinterpret_cast<void*>(&drop_keyed)},
      {Py_tp_methods, kKeyedMethods},
      {Py_tp_getset, kKeyedGetSet},
      {0, nullptr},
  };
  static PyType_Spec spec = {"tidegate._core.KeyedLimiter", sizeof(KeyedObject), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  add_type(module, spec);
}

}  // namespace tidegate::python
