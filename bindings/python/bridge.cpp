// SPDX-License-Identifier: Apache-2.0
#include "bridge.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <unordered_map>

#include "tidegate/metrics.hpp"

namespace tidegate::python {

namespace {

constexpr std::size_t kMostAtOnce = 256;
constexpr std::size_t kStep = 32;

// Leaked: the interpreter may end in any thread.
auto& registry = *new std::unordered_map<PyObject*, BridgeObject*>;

struct Counts {
  OwnCounter wakeups{"loop.wakeups", {}, "Times that an event loop was woken for completions"};
  OwnCounter completions{"loop.completions", {}, "Completions that were taken into an event loop"};
  OwnCounter dropped{"loop.dropped", {}, "Completions that came after their event loop was closed"};
};

// Leaked, too. They are there from the import on.
Counts& counts() {
  static Counts& made = *new Counts;
  return made;
}

BridgeObject* as_bridge(PyObject* object) { return reinterpret_cast<BridgeObject*>(object); }

// Takes a waiter out of its bridge's list; the list's reference goes to the caller.
void take_out(WaiterObject* waiter) {
  (waiter->previous ? waiter->previous->next : waiter->bridge->waiters) = waiter->next;
  if (waiter->next) waiter->next->previous = waiter->previous;
  waiter->previous = waiter->next = nullptr;
  waiter->bridge = nullptr;
}

void forget(BridgeObject* self) {
  const auto known = registry.find(self->loop);
  if (known != registry.end() && known->second == self) registry.erase(known);
  const CompletionQueue gone(std::move(self->queue));
  while (WaiterObject* const waiter = self->waiters) {
    take_out(waiter);
    counts().dropped.add();
    Py_DECREF(waiter);
  }
}

int traverse_bridge(PyObject* object, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(as_bridge(object)->loop);
  for (WaiterObject* waiter = as_bridge(object)->waiters; waiter; waiter = waiter->next) {
    Py_VISIT(waiter);
  }
  return 0;
}

int clear_bridge(PyObject* object) {
  forget(as_bridge(object));
  Py_CLEAR(as_bridge(object)->loop);
  return 0;
}

void free_bridge(PyObject* object) {
  PyObject_GC_UnTrack(object);
  clear_bridge(object);
  as_bridge(object)->queue.~CompletionQueue();
  free_object(object);
}

PyObject* new_bridge(PyObject* type, PyObject* loop) {
  auto* const self = allocate<BridgeObject>(type);
  if (!self) return nullptr;
  new (&self->queue) CompletionQueue();
  self->loop = Py_NewRef(loop);
  return reinterpret_cast<PyObject*>(self);
}

PyObject* construct_bridge(PyTypeObject* type, PyObject*, PyObject*) {
  return guarded([&] { return new_bridge(reinterpret_cast<PyObject*>(type), Py_None); });
}

// The exception that must not be lost, such as KeyboardInterrupt, until the batch is through.
class Pending {
 public:
  // Keeps the first that is set now; drops a plain Exception.
  void keep() {
    if (PyErr_ExceptionMatches(PyExc_Exception) || type_) return PyErr_Clear();
    PyErr_Fetch(&type_, &value_, &traceback_);
  }
  PyObject* restore() {
    if (!type_) Py_RETURN_NONE;
    PyErr_Restore(type_, value_, traceback_);
    return nullptr;
  }

 private:
  PyObject* type_ = nullptr;
  PyObject* value_ = nullptr;
  PyObject* traceback_ = nullptr;
};

// A future that was cancelled meanwhile refuses its result, which is nobody's any more.
void resolve(WaiterObject* waiter, Pending& pending) {
  PyObject* done = nullptr;
  if (waiter->callback) {
    done = PyObject_CallOneArg(waiter->callback, reinterpret_cast<PyObject*>(waiter->operation));
    if (!done && PyErr_ExceptionMatches(PyExc_Exception)) PyErr_WriteUnraisable(waiter->callback);
  } else if (waiter->future) {
    PyObject* arguments[] = {waiter->future, Py_None};
    done = PyObject_VectorcallMethod(names.set_result, arguments, 2, nullptr);
  }
  if (!done && PyErr_Occurred()) pending.keep();
  Py_XDECREF(done);
}

std::size_t drain_some(BridgeObject* self, Pending& pending) {
  std::array<Completion, kStep> batch;
  std::array<WaiterObject*, kStep> waiters;
  const std::size_t count = self->queue.next(batch);
  for (std::size_t i = 0; i < count; ++i) {
    waiters[i] = reinterpret_cast<WaiterObject*>(batch[i].tag);
    take_out(waiters[i]);
  }
  counts().completions.add(count);
  for (std::size_t i = 0; i < count; ++i) {
    resolve(waiters[i], pending);
    Py_DECREF(waiters[i]);
  }
  return count;
}

PyObject* drain(PyObject* object, PyObject*) {
  counts().wakeups.add();
  drop_what_waits();
  Pending pending;
  for (std::size_t total = 0; total < kMostAtOnce; total += kStep) {
    if (drain_some(as_bridge(object), pending) < kStep) break;
  }
  return pending.restore();
}

// Makes the descriptor; -1 with an exception set.
int descriptor(BridgeObject* self) {
  const Result<int> fd = self->queue.open();
  if (fd.ok()) return *fd;
  raise(fd.status().cause(), fd.status().message());
  return -1;
}

PyObject* fileno(PyObject* object, PyObject*) {
  const int fd = descriptor(as_bridge(object));
  return fd < 0 ? nullptr : PyLong_FromLong(fd);
}

// watch(operation, callback)
PyObject* watch_callback(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 2) return raise(Cause::kBadArgument, "watch() takes an operation and a callable");
  WaiterObject* const waiter = make_waiter(as_operation(arguments[0]));
  if (!waiter) return nullptr;
  waiter->callback = Py_NewRef(arguments[1]);
  const bool watched = watch(as_bridge(object), waiter);
  Py_DECREF(waiter);
  if (!watched) return nullptr;
  Py_RETURN_NONE;
}

PyMethodDef kBridgeMethods[] = {
    {"drain", drain, METH_NOARGS, nullptr},
    {"fileno", fileno, METH_NOARGS, nullptr},
    {"watch", fastcall(watch_callback), METH_FASTCALL, nullptr},
    {},
};

PyTypeObject* bridge_type = nullptr;

// In a context of its own: the loop keeps the one that add_reader() is called in.
bool add_reader(PyObject* loop, int fd, PyObject* callback) {
  PyObject* const context = PyContext_New();
  if (!context || PyContext_Enter(context) < 0) {
    Py_XDECREF(context);
    return false;
  }
  PyObject* const added = PyObject_CallMethod(loop, "add_reader", "iO", fd, callback);
  const bool exited = PyContext_Exit(context) == 0;
  Py_DECREF(context);
  Py_XDECREF(added);
  return added && exited;
}

BridgeObject* make_bridge(PyObject* loop) {
  PyObject* const made = new_bridge(reinterpret_cast<PyObject*>(bridge_type), loop);
  if (!made) return nullptr;
  const int fd = descriptor(as_bridge(made));
  PyObject* const callback = fd < 0 ? nullptr : PyObject_GetAttrString(made, "drain");
  const bool added = callback && add_reader(loop, fd, callback);
  if (added) registry[loop] = as_bridge(made);
  Py_XDECREF(callback);
  Py_DECREF(made);
  return added ? as_bridge(made) : nullptr;
}

PyObject* bridge_of_loop(PyObject*, PyObject* loop) {
  return guarded([&] {
    BridgeObject* const bridge = bridge_of(loop);
    return Py_XNewRef(reinterpret_cast<PyObject*>(bridge));
  });
}

// In a forked child, where a loop that is used on needs a bridge of the child's own.
PyObject* forget_bridges(PyObject*, PyObject*) {
  registry.clear();
  Py_RETURN_NONE;
}

PyMethodDef kBridgeFunctions[] = {
    {"bridge_of", bridge_of_loop, METH_O, nullptr},
    {"forget_bridges", forget_bridges, METH_NOARGS, nullptr},
    {},
};

}  // namespace

BridgeObject* bridge_of(PyObject* loop) {
  const auto known = registry.find(loop);
  return known != registry.end() ? known->second : make_bridge(loop);
}

bool watch(BridgeObject* bridge, WaiterObject* waiter) {
  waiter->bridge = bridge;
  waiter->next = bridge->waiters;
  if (waiter->next) waiter->next->previous = waiter;
  bridge->waiters = waiter;
  Py_INCREF(waiter);
  const auto add = [&] {
    bridge->queue.add(waiter->operation->state, reinterpret_cast<std::uint64_t>(waiter));
    return Py_None;
  };
  if (guarded(add)) return true;
  take_out(waiter);
  Py_DECREF(waiter);
  return false;
}

void add_bridge(py::module_& module) {
  counts();
  static PyType_Slot slots[] = {
      {Py_tp_traverse, reinterpret_cast<void*>(traverse_bridge)},
      {Py_tp_clear, reinterpret_cast<void*>(clear_bridge)},
      {Py_tp_dealloc, reinterpret_cast<void*>(free_bridge)},
      {Py_tp_new, reinterpret_cast<void*>(construct_bridge)},
      {Py_tp_methods, kBridgeMethods},
      {0, nullptr},
  };
  static PyType_Spec spec = {"tidegate._core.Bridge", sizeof(BridgeObject), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};
  bridge_type = add_type(module, spec);
  PyModule_AddFunctions(module.ptr(), kBridgeFunctions);
}

}  // namespace tidegate::python
