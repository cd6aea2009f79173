// SPDX-License-Identifier: Apache-2.0
//
// Cached: a function behind a cache. A call whose arguments are all positional is looked up here, and
// a fresh value is returned at once, by a coroutine function in a Ready. Everything else is done by
// `miss`, which is Python and gets the arguments as they came.
#include <cstddef>

#include "cache.hpp"

namespace tidegate::python {

namespace {

struct CachedObject {
  PyObject_HEAD vectorcallfunc call;
  PyObject* dict;
  PyObject* cache;
  PyObject* miss;
  PyObject* prefix;       // of the key, up to the first argument
  PyObject* ends;         // bytes for each count of arguments from `least`: what follows the last
  Py_ssize_t least;       // arguments without a default
  unsigned long ignored;  // one bit for each argument
  bool is_async;
};

// A coroutine that has its value already. It may be awaited any number of times.
struct ReadyObject {
  PyObject_HEAD PyObject* value;
};

PyTypeObject* ready_type = nullptr;

CachedObject* as_cached(PyObject* object) { return reinterpret_cast<CachedObject*>(object); }
ReadyObject* as_ready(PyObject* object) { return reinterpret_cast<ReadyObject*>(object); }

// Steals `value`.
PyObject* make_ready(PyObject* value) {
  auto* const made = value ? PyObject_GC_New(ReadyObject, ready_type) : nullptr;
  if (!made) {
    Py_XDECREF(value);
    return nullptr;
  }
  made->value = value;
  PyObject_GC_Track(made);
  return reinterpret_cast<PyObject*>(made);
}

// Null without an exception where there is no fresh value, or it is time to load ahead.
PyObject* find_cached(CachedObject* self, PyObject* const* arguments, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    KeyBytes key;
    key.add(PyBytes_AS_STRING(self->prefix), static_cast<std::size_t>(Py_SIZE(self->prefix)));
    for (Py_ssize_t i = 0; i < count; ++i) {
      if (!(self->ignored >> i & 1) && !add_value(arguments[i], key)) return nullptr;
    }
    PyObject* const end = PyTuple_GET_ITEM(self->ends, count - self->least);
    key.add(PyBytes_AS_STRING(end), static_cast<std::size_t>(Py_SIZE(end)));
    internal::CacheHome* const home = home_of(self->cache);
    bool is_due = false;
    internal::CacheValue* const value =
        home ? internal::get_fresh(*home, key.view(), &is_due, internal::Look::kGlance) : nullptr;
    if (!value) return nullptr;
    PyObject* const object = take_object(value);
    if (!object || !is_due) return object;
    Py_DECREF(object);
    return nullptr;
  });
}

PyObject* call_cached(PyObject* object, PyObject* const* arguments, std::size_t flags,
                      PyObject* keywords) {
  CachedObject* const self = as_cached(object);
  const Py_ssize_t count = PyVectorcall_NARGS(flags);
  const Py_ssize_t beyond = count - self->least;
  if (!keywords && beyond >= 0 && beyond < PyTuple_GET_SIZE(self->ends)) {
    PyObject* const value = find_cached(self, arguments, count);
    if (value) return self->is_async ? make_ready(value) : value;
    if (PyErr_Occurred()) return nullptr;
  }
  return PyObject_Vectorcall(self->miss, arguments, flags, keywords);
}

int traverse_cached(PyObject* object, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(as_cached(object)->dict);
  Py_VISIT(as_cached(object)->cache);
  Py_VISIT(as_cached(object)->miss);
  return 0;
}

// `cache` and `miss` stay: somebody may still call it.
int clear_cached(PyObject* object) {
  Py_CLEAR(as_cached(object)->dict);
  return 0;
}

void free_cached(PyObject* object) {
  PyObject_GC_UnTrack(object);
  clear_cached(object);
  CachedObject* const self = as_cached(object);
  for (PyObject** part : {&self->cache, &self->miss, &self->prefix, &self->ends}) Py_CLEAR(*part);
  free_object(object);
}

// Cached(cache, miss, prefix, ends, least, ignored, is_async)
PyObject* new_cached(PyTypeObject* type, PyObject* arguments, PyObject*) {
  auto* const self = allocate<CachedObject>(reinterpret_cast<PyObject*>(type));
  int is_async = 0;
  if (!self ||
      !PyArg_ParseTuple(arguments, "OOSO!nkp", &self->cache, &self->miss, &self->prefix,
                        &PyTuple_Type, &self->ends, &self->least, &self->ignored, &is_async)) {
    return nullptr;
  }
  for (PyObject* part : {self->cache, self->miss, self->prefix, self->ends}) Py_INCREF(part);
  self->call = call_cached;
  self->is_async = is_async;
  return reinterpret_cast<PyObject*>(self);
}

PyObject* bind_cached(PyObject* object, PyObject* instance, PyObject*) {
  return instance ? PyMethod_New(object, instance) : Py_NewRef(object);
}

// Pickled by its name, as functions are.
PyObject* reduce_cached(PyObject* object, PyObject*) {
  return PyObject_GetAttrString(object, "__qualname__");
}

int traverse_ready(PyObject* object, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(as_ready(object)->value);
  return 0;
}

void free_ready(PyObject* object) {
  PyObject_GC_UnTrack(object);
  Py_CLEAR(as_ready(object)->value);
  free_object(object);
}

PySendResult send_ready(PyObject* object, PyObject*, PyObject** result) {
  *result = Py_NewRef(as_ready(object)->value);
  return PYGEN_RETURN;
}

// An instance is made where the value would be taken for the arguments of one, or for one.
PyObject* next_ready(PyObject* object) {
  PyObject* const value = as_ready(object)->value;
  if (!PyTuple_Check(value) && !PyExceptionInstance_Check(value)) {
    PyErr_SetObject(PyExc_StopIteration, value);
  } else if (PyObject* const stop = PyObject_CallOneArg(PyExc_StopIteration, value)) {
    PyErr_SetObject(PyExc_StopIteration, stop);
    Py_DECREF(stop);
  }
  return nullptr;
}

PyObject* send_to_ready(PyObject* object, PyObject*) { return next_ready(object); }
PyObject* close_ready(PyObject*, PyObject*) { Py_RETURN_NONE; }

PyMethodDef kCachedMethods[] = {{"__reduce__", reduce_cached, METH_NOARGS, nullptr}, {}};
PyMethodDef kReadyMethods[] = {
    {"send", send_to_ready, METH_O, nullptr},
    {"throw", fastcall(raise_given), METH_FASTCALL, nullptr},
    {"close", close_ready, METH_NOARGS, nullptr},
    {},
};
PyMemberDef kCachedMembers[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(CachedObject, call), READONLY, nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(CachedObject, dict), READONLY, nullptr},
    {},
};
PyGetSetDef kCachedGetSet[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr}, {}};

}  // namespace

PyObject* ready_none() {
  static PyObject* const made = make_ready(Py_NewRef(Py_None));
  return Py_XNewRef(made);
}

void add_cached(py::module_& module) {
  static PyType_Slot cached_slots[] = {
      {Py_tp_traverse, reinterpret_cast<void*>(traverse_cached)},
      {Py_tp_clear, reinterpret_cast<void*>(clear_cached)},
      {Py_tp_dealloc, reinterpret_cast<void*>(free_cached)},
      {Py_tp_new, reinterpret_cast<void*>(new_cached)},
      {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
      {Py_tp_descr_get, reinterpret_cast<void*>(bind_cached)},
      {Py_tp_members, kCachedMembers},
      {Py_tp_methods, kCachedMethods},
      {Py_tp_getset, kCachedGetSet},
      {0, nullptr},
  };
  static PyType_Slot ready_slots[] = {
      {Py_tp_traverse, reinterpret_cast<void*>(traverse_ready)},
      {Py_tp_dealloc, reinterpret_cast<void*>(free_ready)},
      {Py_am_await, reinterpret_cast<void*>(PyObject_SelfIter)},
      {Py_am_send, reinterpret_cast<void*>(send_ready)},
      {Py_tp_iter, reinterpret_cast<void*>(PyObject_SelfIter)},
      {Py_tp_iternext, reinterpret_cast<void*>(next_ready)},
      {Py_tp_methods, kReadyMethods},
      {0, nullptr},
  };
  static PyType_Spec cached = {"tidegate._core.Cached", sizeof(CachedObject), 0,
                               Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
                                   Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
                               cached_slots};
  static PyType_Spec ready = {
      "tidegate._core.Ready", sizeof(ReadyObject), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, ready_slots};
  add_type(module, cached);
  ready_type = add_type(module, ready);
}

}  // namespace tidegate::python
