// SPDX-License-Identifier: Apache-2.0
//
// The native half of a body that is written while it is sent: each write is an operation.
#include "tidegate/upload.hpp"

#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "convert.hpp"
#include "http.hpp"
#include "operation.hpp"

namespace tidegate::python {

namespace {

struct UploadObject {
  PyObject_HEAD Upload upload;
};

PyTypeObject* upload_type = nullptr;

void free_upload(PyObject* object) {
  reinterpret_cast<UploadObject*>(object)->upload.~Upload();
  free_object(object);
}

// A size and whether it can be rewound; None: of a size that is not known.
PyObject* new_upload(PyTypeObject* type, PyObject* arguments, PyObject*) {
  PyObject* size = Py_None;
  int can_rewind = 0;
  if (!PyArg_ParseTuple(arguments, "|Op", &size, &can_rewind)) return nullptr;
  const bool is_known = size != Py_None;
  const unsigned long long bytes = is_known ? PyLong_AsUnsignedLongLong(size) : 0;
  if (PyErr_Occurred()) return nullptr;
  auto* const made = allocate<UploadObject>(reinterpret_cast<PyObject*>(type));
  if (!made) return nullptr;
  return guarded([&] {
    const auto known = [&] { return can_rewind ? Upload::rewindable(bytes) : Upload(bytes); };
    new (&made->upload) Upload(is_known ? known() : Upload());
    return reinterpret_cast<PyObject*>(made);
  });
}

// write(bytes) -> Operation; it is copied.
PyObject* write_upload(PyObject* object, PyObject* given) {
  Py_buffer view;
  if (PyObject_GetBuffer(given, &view, PyBUF_CONTIG_RO) < 0) return nullptr;
  const std::unique_ptr<Py_buffer, decltype(&PyBuffer_Release)> held(&view, &PyBuffer_Release);
  return guarded([&] {
    Bytes bytes =
        Bytes::copy_of({static_cast<const char*>(view.buf), static_cast<std::size_t>(view.len)});
    return make_operation({.state = upload_of(object)->write(std::move(bytes)).state(),
                           .yield = Yield::kSize,
                           .deadline = std::numeric_limits<double>::infinity(),
                           .owner = object,
                           .label = names.empty,
                           .default_ = hooks.missing,
                           .call = Py_None});
  });
}

// Raises where it is too short.
PyObject* finish_upload(PyObject* object, PyObject*) {
  return guarded([&]() -> PyObject* {
    const Status status = upload_of(object)->finish();
    if (!status.ok()) return raise(status.cause(), status.message());
    Py_RETURN_NONE;
  });
}

// sent() -> Operation of whether the request has ended; else it wants the body again.
PyObject* sent_upload(PyObject* object, PyObject*) {
  return guarded([&] {
    return make_operation({.state = upload_of(object)->sent().state(),
                           .yield = Yield::kFlag,
                           .deadline = std::numeric_limits<double>::infinity(),
                           .owner = object,
                           .label = names.empty,
                           .default_ = hooks.missing,
                           .call = Py_None});
  });
}

// fail(cause, message, error or None)
PyObject* fail_upload(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 3) return raise(Cause::kBadArgument, "fail() takes three arguments");
  return guarded([&]() -> PyObject* {
    std::string message;
    const long cause = PyLong_AsLong(arguments[0]);
    if (PyErr_Occurred() || !read_text(arguments[1], "message", message)) return nullptr;
    std::shared_ptr<const void> origin;
    if (arguments[2] != Py_None) {
      origin = {Py_NewRef(arguments[2]),
                [](const PyObject* error) { drop_anywhere(const_cast<PyObject*>(error)); }};
    }
    upload_of(object)->fail(Status(static_cast<Cause>(cause), message).with_origin(origin));
    Py_RETURN_NONE;
  });
}

PyMethodDef kUploadMethods[] = {
    {"write", write_upload, METH_O, nullptr},
    {"finish", finish_upload, METH_NOARGS, nullptr},
    {"sent", sent_upload, METH_NOARGS, nullptr},
    {"fail", fastcall(fail_upload), METH_FASTCALL, nullptr},
    {},
};

}  // namespace

const Upload* upload_of(PyObject* object) {
  if (!Py_IS_TYPE(object, upload_type)) return nullptr;
  return &reinterpret_cast<UploadObject*>(object)->upload;
}

void add_upload(py::module_& module) {
  static PyType_Slot slots[] = {
      {Py_tp_dealloc, reinterpret_cast<void*>(free_upload)},
      {Py_tp_new, reinterpret_cast<void*>(new_upload)},
      {Py_tp_methods, kUploadMethods},
      {0, nullptr},
  };
  static PyType_Spec spec = {"tidegate._core.Upload", sizeof(UploadObject), 0, Py_TPFLAGS_DEFAULT,
                             slots};
  upload_type = add_type(module, spec);
}

}  // namespace tidegate::python
