// SPDX-License-Identifier: Apache-2.0
// The private extension of the package tidegate; python/tidegate/_core.pyi is its contract.
#include "python.hpp"

namespace tidegate::python {

PyObject* raise(Cause cause, std::string_view message) {
  PyObject* const text = to_str(message);
  if (!text) return nullptr;
  PyObject* const error = PyObject_CallFunction(hooks.error, "iO", static_cast<int>(cause), text);
  Py_DECREF(text);
  if (!error) return nullptr;
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error)), error);
  Py_DECREF(error);
  return nullptr;
}

PyObject* to_str(std::string_view text) {
  return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace");
}

PyTypeObject* add_type(py::module_& module, PyType_Spec& spec) {
  PyObject* const type = PyType_FromSpec(&spec);
  if (!type || PyModule_AddType(module.ptr(), reinterpret_cast<PyTypeObject*>(type)) < 0) {
    throw py::error_already_set();
  }
  return reinterpret_cast<PyTypeObject*>(type);
}

namespace {

void install(py::object operation, py::object answer, py::object rows, py::object timings,
             py::object error, py::object failed, py::object running_loop, py::object missing,
             py::object plain_key) {
  hooks = {.operation = operation.release().ptr(),
           .answer = answer.release().ptr(),
           .rows = rows.release().ptr(),
           .timings = timings.release().ptr(),
           .error = error.release().ptr(),
           .failed = failed.release().ptr(),
           .running_loop = running_loop.release().ptr(),
           .missing = missing.release().ptr(),
           .plain_key = plain_key.release().ptr()};
}

PyObject* intern(const char* name) {
  PyObject* const made = PyUnicode_InternFromString(name);
  if (!made) throw py::error_already_set();
  return made;
}

// What the extension keeps of Python is one interpreter's: a second would take it from the first.
bool refuse_subinterpreter() {
  if (PyInterpreterState_Get() == PyInterpreterState_Main()) return false;
  PyErr_SetString(PyExc_ImportError,
                  "tidegate works in the main interpreter only, this is a sub-interpreter");
  return true;
}

}  // namespace

}  // namespace tidegate::python

// Asked twice. Before CPython 3.12 pybind11 waits for ever in a sub-interpreter, so it must not
// begin; from 3.12 on the first half of an import runs in the main interpreter, whoever imports.
PYBIND11_MODULE(_core_of_main, module) {
  using namespace tidegate::python;
  if (refuse_subinterpreter()) throw py::error_already_set();
  names = {.columns = intern("columns"),
           .create_future = intern("create_future"),
           .blocking = intern("_asyncio_future_blocking"),
           .set_result = intern("set_result"),
           .value = intern("value"),
           .empty = intern(""),
           .timeout = intern("timeout"),
           .acquire = intern("_acquire"),
           .enter = intern("_enter"),
           .enter_async = intern("_enter_async"),
           .sources = {intern("fresh"), intern("cached"), intern("stale"), intern("default")}};
  add_answer(module);
  add_operation(module);
  add_awaiter(module);
  add_bridge(module);
  add_config(module);
  add_executor(module);
  add_database(module);
  add_external(module);
  add_cache(module);
  add_cached(module);
  add_http(module);
  add_stream(module);
  add_upload(module);
  add_retries(module);
  add_breaker(module);
  add_limiter(module);
  add_timed_limiter(module);
  add_keyed_limiter(module);
  add_gate(module);
  add_runtime(module);
  module.def("install", &install);
}

extern "C" PYBIND11_EXPORT PyObject* PyInit__core() {
  return tidegate::python::refuse_subinterpreter() ? nullptr : PyInit__core_of_main();
}
