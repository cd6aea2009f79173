// SPDX-License-Identifier: Apache-2.0
//
// The native half of a body that is read while it comes: each read is an operation, whose answer is
// bytes.
#include "stream.hpp"

#include <limits>
#include <new>

#include "convert.hpp"
#include "http.hpp"

namespace tidegate::python {

namespace {

struct StreamObject {
  PyObject_HEAD ResponseStream stream;
};

PyTypeObject* stream_type = nullptr;

const ResponseStream& stream_of(PyObject* object) {
  return reinterpret_cast<StreamObject*>(object)->stream;
}

void free_stream(PyObject* object) {
  reinterpret_cast<StreamObject*>(object)->stream.~ResponseStream();
  free_object(object);
}

PyObject* make_stream(const ResponseStream& stream) {
  auto* const made = allocate<StreamObject>(reinterpret_cast<PyObject*>(stream_type));
  if (!made) return nullptr;
  new (&made->stream) ResponseStream(stream);
  return reinterpret_cast<PyObject*>(made);
}

// read(most) -> Operation of bytes
PyObject* read_stream(PyObject* object, PyObject* given) {
  const std::size_t most = PyLong_AsSize_t(given);
  if (PyErr_Occurred()) return nullptr;
  return guarded([&] {
    return make_operation({.state = stream_of(object).read(most).state(),
                           .yield = Yield::kChunk,
                           .deadline = std::numeric_limits<double>::infinity(),
                           .owner = object,
                           .label = names.empty,
                           .default_ = hooks.missing,
                           .call = Py_None});
  });
}

PyObject* close_stream(PyObject* object, PyObject*) {
  stream_of(object).close();
  Py_RETURN_NONE;
}

PyMethodDef kStreamMethods[] = {
    {"read", read_stream, METH_O, nullptr},
    {"close", close_stream, METH_NOARGS, nullptr},
    {},
};

}  // namespace

PyObject* answer_stream(OperationObject* self, const ResponseStream& stream) {
  return make_streamed(self, stream.head, make_stream(stream));
}

PyObject* answer_chunk(const Bytes& chunk) {
  return PyBytes_FromStringAndSize(chunk.data(), static_cast<Py_ssize_t>(chunk.size()));
}

void add_stream(py::module_& module) {
  static PyType_Slot slots[] = {
      {Py_tp_dealloc, reinterpret_cast<void*>(free_stream)},
      {Py_tp_methods, kStreamMethods},
      {0, nullptr},
  };
  static PyType_Spec spec = {"tidegate._core.Stream", sizeof(StreamObject), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  stream_type = add_type(module, spec);
}

}  // namespace tidegate::python
