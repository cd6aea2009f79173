// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <memory>

#include "convert.hpp"
#include "operation.hpp"

namespace tidegate::python {

namespace {

AnswerObject* as_answer(PyObject* object) { return reinterpret_cast<AnswerObject*>(object); }

int traverse_answer(PyObject* object, visitproc visit, void* arg) {
  AnswerObject* const self = as_answer(object);
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(self->value);
  Py_VISIT(self->reason);
  return 0;
}

int clear_answer(PyObject* object) {
  AnswerObject* const self = as_answer(object);
  Py_CLEAR(self->value);
  Py_CLEAR(self->reason);
  return 0;
}

void free_answer(PyObject* object) {
  AnswerObject* const self = as_answer(object);
  PyObject_GC_UnTrack(object);
  std::destroy_at(&self->state);
  clear_answer(object);
  Py_CLEAR(self->source);
  Py_CLEAR(self->timings);
  free_object(object);
}

AnswerObject* new_answer(PyObject* type) {
  auto* const self = allocate<AnswerObject>(type);
  if (!self) return nullptr;
  new (&self->state) internal::OperationRef();
  new (&self->spent) Timings();
  return self;
}

PyObject* construct_answer(PyTypeObject* type, PyObject* arguments, PyObject* keywords) {
  static const char* names_of[] = {"value",   "source",  "reason", "age",
                                   "timings", "version", nullptr};
  PyObject* value = nullptr;
  PyObject* source = names.sources[0];
  PyObject* reason = Py_None;
  PyObject* timings = Py_None;
  double age = 0;
  unsigned long long version = 0;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O|UOdOK", const_cast<char**>(names_of),
                                   &value, &source, &reason, &age, &timings, &version)) {
    return nullptr;
  }
  AnswerObject* const self = new_answer(reinterpret_cast<PyObject*>(type));
  if (!self) return nullptr;
  self->value = Py_NewRef(value);
  self->source = Py_NewRef(source);
  self->reason = Py_NewRef(reason);
  self->timings = timings == Py_None ? nullptr : Py_NewRef(timings);
  self->age = age;
  self->version = version;
  return reinterpret_cast<PyObject*>(self);
}

PyObject* get_value(PyObject* object, void*) {
  AnswerObject* const self = as_answer(object);
  if (!self->value) {
    const internal::OperationRef state = self->state;
    PyObject* const rows = make_rows(
        static_cast<const Result<tidegate::Answer<Rows>>*>(state->result())->value().value);
    if (!rows) return nullptr;
    if (self->value) {  // made by another thread meanwhile
      Py_DECREF(rows);
    } else {
      self->value = rows;
      self->state = {};
    }
  }
  return Py_NewRef(self->value);
}

PyObject* get_timings(PyObject* object, void*) {
  AnswerObject* const self = as_answer(object);
  if (!self->timings) self->timings = make_timings(self->spent);
  return Py_XNewRef(self->timings);
}

PyObject* get_degraded(PyObject* object, void*) {
  PyObject* const source = as_answer(object)->source;
  return PyBool_FromLong(PyUnicode_CompareWithASCIIString(source, "stale") == 0 ||
                         PyUnicode_CompareWithASCIIString(source, "default") == 0);
}

PyGetSetDef kAnswerGetSet[] = {
    {"value", get_value, nullptr, nullptr, nullptr},
    {"timings", get_timings, nullptr, nullptr, nullptr},
    {"degraded", get_degraded, nullptr, nullptr, nullptr},
    {},
};
PyMemberDef kAnswerMembers[] = {
    {"source", T_OBJECT, offsetof(AnswerObject, source), READONLY, nullptr},
    {"reason", T_OBJECT, offsetof(AnswerObject, reason), READONLY, nullptr},
    {"age", T_DOUBLE, offsetof(AnswerObject, age), READONLY, nullptr},
    {"version", T_ULONGLONG, offsetof(AnswerObject, version), READONLY, nullptr},
    {},
};
PyMethodDef kAnswerMethods[] = {
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, nullptr}, {}};

}  // namespace

PyObject* make_answer(internal::OperationRef state, const Timings& spent, PyObject* value) {
  AnswerObject* const self = new_answer(hooks.answer);
  if (!self) {
    Py_XDECREF(value);
    return nullptr;
  }
  self->state = std::move(state);
  self->spent = spent;
  self->value = value;
  self->source = Py_NewRef(names.sources[0]);
  self->reason = Py_NewRef(Py_None);
  return reinterpret_cast<PyObject*>(self);
}

PyObject* make_answer_of(PyObject* type) {
  AnswerObject* const self = new_answer(type);
  if (!self) return nullptr;
  self->value = Py_NewRef(Py_None);
  self->source = Py_NewRef(names.sources[0]);
  self->reason = Py_NewRef(Py_None);
  return reinterpret_cast<PyObject*>(self);
}

void add_answer(py::module_& module) {
  static PyType_Slot slots[] = {
      {Py_tp_traverse, reinterpret_cast<void*>(traverse_answer)},
      {Py_tp_clear, reinterpret_cast<void*>(clear_answer)},
      {Py_tp_dealloc, reinterpret_cast<void*>(free_answer)},
      {Py_tp_new, reinterpret_cast<void*>(construct_answer)},
      {Py_tp_methods, kAnswerMethods},
      {Py_tp_getset, kAnswerGetSet},
      {Py_tp_members, kAnswerMembers},
      {0, nullptr},
  };
  static PyType_Spec spec = {"tidegate._core.Answer", sizeof(AnswerObject), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
  add_type(module, spec);
}

}  // namespace tidegate::python
