// SPDX-License-Identifier: Apache-2.0
//
// What every file of the extension uses. Three rules hold everywhere:
//   * No thread of the library touches Python. Results and failures lie in native state until a
//     thread of Python's asks for them; exceptions are made by the package.
//   * Whatever releases the GIL is a plain C function: no object with a destructor in its frame, no
//     noexcept, no catch (...). A daemon thread may be unwound there when the interpreter ends.
//   * The hot calls (submit, await, drain, pull) are raw C API; everything else is pybind11.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <pybind11/pybind11.h>
// After Python.h:
#include <structmember.h>

#include <exception>
#include <new>
#include <string>
#include <string_view>

#include "tidegate/status.hpp"

namespace tidegate::python {

namespace py = pybind11;

// Classes and functions of the package, handed over once by install(); never released.
struct Hooks {
  PyObject* operation = nullptr;  // class Operation
  PyObject* answer = nullptr;     // class Answer
  PyObject* rows = nullptr;       // class Rows
  PyObject* timings = nullptr;    // class Timings
  PyObject* error = nullptr;      // error(cause, message) -> exception
  PyObject* failed =
      nullptr;  // failed(operation, cause, message, elapsed, attempts, timings, origin) -> Answer
  PyObject* running_loop = nullptr;  // asyncio's _get_running_loop
  PyObject* missing = nullptr;       // the package's MISSING
  PyObject* plain_key = nullptr;     // plain(value) -> a tuple of simple values, for a key
};
inline Hooks hooks;

// Interned names, made when the module is.
struct Names {
  PyObject* columns = nullptr;
  PyObject* create_future = nullptr;
  PyObject* blocking = nullptr;  // _asyncio_future_blocking
  PyObject* set_result = nullptr;
  PyObject* value = nullptr;
  PyObject* empty = nullptr;  // ""
  PyObject* timeout = nullptr;
  PyObject* acquire = nullptr;  // _acquire, _enter, _enter_async: of a limiter's package half
  PyObject* enter = nullptr;
  PyObject* enter_async = nullptr;
  PyObject* sources[4] = {};  // by Source
};
inline Names names;

// Raises the package's exception for `cause`; null for the caller to return.
PyObject* raise(Cause cause, std::string_view message);

// A new str; bytes that are no UTF-8 are replaced.
PyObject* to_str(std::string_view text);

// Drops a reference on any thread: at once with the GIL, else when the next call comes that has it.
void drop_anywhere(PyObject* object) noexcept;
// What threads without the GIL have left. With the GIL.
void drop_what_waits();

// Runs `body`; a C++ exception becomes a Python one. Only named exceptions are caught: a thread
// that is being unwound must pass.
template <class F>
PyObject* guarded(F body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return PyErr_NoMemory();
  } catch (const std::exception& error) {
    return raise(Cause::kInternal, error.what());
  }
}

// A heap type made of `spec`, added to the module; leaked.
PyTypeObject* add_type(py::module_& module, PyType_Spec& spec);

// Allocates a T of a heap type; its C++ members are to be constructed by the caller.
template <class T>
T* allocate(PyObject* type) {
  auto* const class_object = reinterpret_cast<PyTypeObject*>(type);
  return reinterpret_cast<T*>(class_object->tp_alloc(class_object, 0));
}

inline void free_object(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

// An awaitable that has its value already, and may be awaited any number of times: one whose value is
// None, always the same.
PyObject* ready_none();

// The throw() of an iterator or coroutine: raises what it is given.
PyObject* raise_given(PyObject* self, PyObject* const* arguments, Py_ssize_t count);

inline PyCFunction fastcall(PyObject* (*function)(PyObject*, PyObject* const*, Py_ssize_t)) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

// pybind11's classes get the metaclass that others have.
inline py::metaclass plain_metaclass() {
  return py::metaclass(reinterpret_cast<PyObject*>(&PyType_Type));
}

// Each file's part of the module.
void add_answer(py::module_& module);
void add_operation(py::module_& module);
void add_awaiter(py::module_& module);
void add_bridge(py::module_& module);
void add_database(py::module_& module);
void add_external(py::module_& module);
void add_executor(py::module_& module);
void add_cache(py::module_& module);
void add_cached(py::module_& module);
void add_http(py::module_& module);
void add_stream(py::module_& module);
void add_upload(py::module_& module);
void add_retries(py::module_& module);
void add_breaker(py::module_& module);
void add_gate(py::module_& module);
void add_limiter(py::module_& module);
void add_timed_limiter(py::module_& module);
void add_keyed_limiter(py::module_& module);
void add_config(py::module_& module);
void add_runtime(py::module_& module);

}  // namespace tidegate::python
