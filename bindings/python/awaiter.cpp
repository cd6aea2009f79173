// SPDX-License-Identifier: Apache-2.0
// The iterator behind `await operation`. It suspends on one plain future of the loop, which the
// bridge resolves; the answer is read, or the failure raised, when the awaiting task runs again.
#include "bridge.hpp"
#include "operation.hpp"

namespace tidegate::python {

namespace {

PyTypeObject* waiter_type = nullptr;

WaiterObject* as_waiter(PyObject* object) { return reinterpret_cast<WaiterObject*>(object); }

int traverse_waiter(PyObject* object, visitproc visit, void* arg) {
  WaiterObject* const self = as_waiter(object);
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(self->operation);
  Py_VISIT(self->future);
  Py_VISIT(self->callback);
  return 0;
}

int clear_waiter(PyObject* object) {
  WaiterObject* const self = as_waiter(object);
  Py_CLEAR(self->future);
  Py_CLEAR(self->callback);
  return 0;
}

void free_waiter(PyObject* object) {
  PyObject_GC_UnTrack(object);
  clear_waiter(object);
  Py_CLEAR(as_waiter(object)->operation);
  free_object(object);
}

// Suspends: the loop's task goes to sleep on what this yields.
PyObject* suspend(WaiterObject* self) {
  if (!self->operation->state->alive()) return raise_forked();
  PyObject* const loop = PyObject_CallNoArgs(hooks.running_loop);
  if (!loop) return nullptr;
  if (loop == Py_None) {
    Py_DECREF(loop);
    PyErr_SetString(PyExc_RuntimeError,
                    "an operation is awaited in a running asyncio event loop only");
    return nullptr;
  }
  BridgeObject* const bridge = self->bridge ? self->bridge : bridge_of(loop);
  PyObject* future = bridge ? PyObject_CallMethodNoArgs(loop, names.create_future) : nullptr;
  Py_DECREF(loop);
  if (!future) return nullptr;
  if (PyObject_SetAttr(future, names.blocking, Py_True) < 0 ||
      (!self->bridge && !watch(bridge, self))) {
    Py_DECREF(future);
    return nullptr;
  }
  Py_XSETREF(self->future, future);
  return Py_NewRef(future);
}

PySendResult send_waiter(PyObject* object, PyObject*, PyObject** result) {
  WaiterObject* const self = as_waiter(object);
  *result = nullptr;
  if (self->finished) {
    PyErr_SetString(PyExc_RuntimeError, "this await expression has ended already");
    return PYGEN_ERROR;
  }
  if (self->operation->state->done()) {
    self->finished = true;
    Py_CLEAR(self->future);
    *result = answer_of(self->operation);
    return *result ? PYGEN_RETURN : PYGEN_ERROR;
  }
  *result = guarded([&] { return suspend(self); });
  return *result ? PYGEN_NEXT : PYGEN_ERROR;
}

// An Answer is neither a tuple nor an exception, so it may be set as the value as it is.
PyObject* next_waiter(PyObject* object) {
  PyObject* result = nullptr;
  if (send_waiter(object, Py_None, &result) != PYGEN_RETURN) return result;
  PyErr_SetObject(PyExc_StopIteration, result);
  Py_DECREF(result);
  return nullptr;
}

PyObject* send(PyObject* object, PyObject*) { return next_waiter(object); }

// The awaiting task was cancelled, or its coroutine closed: nobody waits any more.
void abandon(WaiterObject* self) {
  self->finished = true;
  Py_CLEAR(self->future);
  self->operation->state->cancel();
}

PyObject* throw_into(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  abandon(as_waiter(object));
  return raise_given(object, arguments, count);
}

PyObject* close(PyObject* object, PyObject*) {
  if (!as_waiter(object)->finished) abandon(as_waiter(object));
  Py_RETURN_NONE;
}

PyMethodDef kWaiterMethods[] = {
    {"send", send, METH_O, nullptr},
    {"throw", fastcall(throw_into), METH_FASTCALL, nullptr},
    {"close", close, METH_NOARGS, nullptr},
    {},
};

}  // namespace

PyObject* raise_given(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
  PyObject* const type = count > 0 ? arguments[0] : Py_None;
  PyObject* const value = count > 1 ? arguments[1] : Py_None;
  if (PyExceptionInstance_Check(type)) {
    PyErr_SetObject(PyExceptionInstance_Class(type), type);
  } else if (PyExceptionClass_Check(type)) {
    PyErr_SetObject(type, value);
  } else {
    PyErr_SetString(PyExc_TypeError, "throw() takes an exception");
  }
  return nullptr;
}

WaiterObject* make_waiter(OperationObject* operation) {
  auto* const made = allocate<WaiterObject>(reinterpret_cast<PyObject*>(waiter_type));
  if (made) made->operation = reinterpret_cast<OperationObject*>(Py_NewRef(operation));
  return made;
}

PyObject* await_operation(PyObject* operation) {
  return reinterpret_cast<PyObject*>(make_waiter(as_operation(operation)));
}

void add_awaiter(py::module_& module) {
  static PyType_Slot slots[] = {
      {Py_tp_traverse, reinterpret_cast<void*>(traverse_waiter)},
      {Py_tp_clear, reinterpret_cast<void*>(clear_waiter)},
      {Py_tp_dealloc, reinterpret_cast<void*>(free_waiter)},
      {Py_tp_iter, reinterpret_cast<void*>(PyObject_SelfIter)},
      {Py_tp_iternext, reinterpret_cast<void*>(next_waiter)},
      {Py_am_send, reinterpret_cast<void*>(send_waiter)},
      {Py_tp_methods, kWaiterMethods},
      {0, nullptr},
  };
  static PyType_Spec spec = {
      "tidegate._core.Awaiter", sizeof(WaiterObject), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  waiter_type = add_type(module, spec);
}

}  // namespace tidegate::python
