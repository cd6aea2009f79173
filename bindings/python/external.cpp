// SPDX-License-Identifier: Apache-2.0
//
// Callables of Python's run on threads that Python made. Each holds a Worker and takes Tickets from
// it: a ticket is one call, to be finished once; one that is dropped unfinished ends as cancelled.
#include <algorithm>
#include <chrono>
#include <utility>

#include "cache.hpp"
#include "convert.hpp"
#include "lane.hpp"

namespace tidegate::python {

namespace {

struct ExternalObject {
  PyObject_HEAD External external;
  PyObject* executor;
};

struct WorkerObject {
  PyObject_HEAD External::Worker worker;
};

struct TicketObject {
  PyObject_HEAD std::optional<External::Task> task;
  WorkerObject* worker;
};

PyTypeObject* external_type = nullptr;
PyTypeObject* worker_type = nullptr;
PyTypeObject* ticket_type = nullptr;

ExternalObject* as_external(PyObject* object) { return reinterpret_cast<ExternalObject*>(object); }
WorkerObject* as_worker(PyObject* object) { return reinterpret_cast<WorkerObject*>(object); }
TicketObject* as_ticket(PyObject* object) { return reinterpret_cast<TicketObject*>(object); }

int traverse_external(PyObject* object, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(as_external(object)->executor);
  return 0;
}

int clear_external(PyObject* object) {
  Py_CLEAR(as_external(object)->executor);
  return 0;
}

void free_external(PyObject* object) {
  PyObject_GC_UnTrack(object);
  as_external(object)->external.~External();
  clear_external(object);
  free_object(object);
}

// submit(tag, call, timeout, deadline, label, default) -> (Operation, whether to start a thread)
PyObject* submit_call(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 6) return raise(Cause::kBadArgument, "submit() takes six arguments");
  return guarded([&]() -> PyObject* {
    CallOptions options;
    if (!read_options(arguments + 2, options)) return nullptr;
    const std::uint64_t tag = PyLong_AsUnsignedLongLong(arguments[0]);
    if (PyErr_Occurred()) return nullptr;
    bool start_one = false;
    auto operation = as_external(object)->external.submit(
        tag, {.timeout = options.timeout, .deadline = options.deadline, .label = options.label},
        &start_one);
    PyObject* const made = submitted(operation.state(), options, object, arguments[1]);
    return made ? Py_BuildValue("NO", made, start_one ? Py_True : Py_False) : nullptr;
  });
}

PyObject* not_started(PyObject* object, PyObject*) {
  as_external(object)->external.not_started();
  Py_RETURN_NONE;
}

PyObject* enter(PyObject* object, PyObject*) {
  auto* const made = allocate<WorkerObject>(reinterpret_cast<PyObject*>(worker_type));
  if (!made) return nullptr;
  new (&made->worker) External::Worker(as_external(object)->external.enter());
  return reinterpret_cast<PyObject*>(made);
}

PyObject* lane_stats(PyObject* object, PyObject*) {
  const LaneStats stats = as_external(object)->external.stats();
  return Py_BuildValue(
      "nnnn", static_cast<Py_ssize_t>(stats.queued), static_cast<Py_ssize_t>(stats.running),
      static_cast<Py_ssize_t>(stats.zombies), static_cast<Py_ssize_t>(stats.threads));
}

void free_worker(PyObject* object) {
  as_worker(object)->worker.~Worker();
  free_object(object);
}

// Not inlined, so that pull() has no cleanup of its own.
[[gnu::noinline]] bool pull_into(WorkerObject* self, TicketObject* ticket) {
  ticket->task = self->worker.pull();
  return ticket->task.has_value();
}

TicketObject* new_ticket(PyObject* worker) {
  auto* const ticket = allocate<TicketObject>(reinterpret_cast<PyObject*>(ticket_type));
  if (!ticket) return nullptr;
  new (&ticket->task) std::optional<External::Task>();
  ticket->worker = reinterpret_cast<WorkerObject*>(Py_NewRef(worker));
  return ticket;
}

PyObject* ticket_or_none(TicketObject* ticket, bool pulled) {
  if (pulled) return reinterpret_cast<PyObject*>(ticket);
  Py_DECREF(ticket);
  Py_RETURN_NONE;
}

// The next call, or None when the thread should end. See python.hpp for its form.
PyObject* pull(PyObject* object, PyObject*) {
  TicketObject* const ticket = new_ticket(object);
  if (!ticket) return nullptr;
  PyThreadState* const thread = PyEval_SaveThread();
  const bool pulled = pull_into(as_worker(object), ticket);
  PyEval_RestoreThread(thread);
  return ticket_or_none(ticket, pulled);
}

// The same for an event loop: None if no call has a permit now.
PyObject* try_pull(PyObject* object, PyObject*) {
  TicketObject* const ticket = new_ticket(object);
  if (!ticket) return nullptr;
  ticket->task = as_worker(object)->worker.try_pull();
  return ticket_or_none(ticket, ticket->task.has_value());
}

bool finish_ticket(TicketObject* self, const Status& outcome, const External::Lesson& lesson) {
  if (!self->task) return false;
  const External::Task task = std::move(*self->task);
  self->task.reset();
  return self->worker->worker.finish(task, outcome, lesson);
}

// A cause, an HTTP status or 0, and a retry_after below 0 where there is none.
bool read_lesson(PyObject* const* arguments, External::Lesson& lesson) {
  lesson.cause = static_cast<Cause>(PyLong_AsLong(arguments[0]));
  lesson.http_status = static_cast<int>(PyLong_AsLong(arguments[1]));
  const double seconds = PyFloat_AsDouble(arguments[2]);
  if (PyErr_Occurred()) return false;
  if (seconds < 0) return true;
  lesson.retry_after = std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(std::min(seconds, 86'400.0)));
  return true;
}

// finish(cause, message) or finish(cause, message, lesson's cause, its HTTP status, its retry_after):
// cause 0 is success. True if somebody had still waited.
PyObject* finish(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 2 && count != 5) {
    return raise(Cause::kBadArgument, "finish() takes two arguments or five");
  }
  const long cause = PyLong_AsLong(arguments[0]);
  if (cause == -1 && PyErr_Occurred()) return nullptr;
  Py_ssize_t size = 0;
  const char* const text = PyUnicode_AsUTF8AndSize(arguments[1], &size);
  if (!text) return nullptr;
  const std::string_view message(text, static_cast<std::size_t>(size));
  const Status outcome = cause ? Status(static_cast<Cause>(cause), message) : Status();
  External::Lesson lesson;
  lesson.cause = outcome.cause();
  if (count == 5 && !read_lesson(arguments + 2, lesson)) return nullptr;
  return PyBool_FromLong(finish_ticket(as_ticket(object), outcome, lesson));
}

void free_ticket(PyObject* object) {
  TicketObject* const self = as_ticket(object);
  if (self->task) {
    finish_ticket(self, Status(Cause::kCancelled, "the call was dropped unfinished"),
                  {.http_status = 0, .retry_after = {}, .cause = Cause::kCancelled});
  }
  self->task.~optional();
  Py_CLEAR(self->worker);
  free_object(object);
}

PyObject* get_tag(PyObject* object, void*) {
  const auto& task = as_ticket(object)->task;
  return PyLong_FromUnsignedLongLong(task ? task->tag : 0);
}

PyObject* get_spare_wanted(PyObject* object, void*) {
  const auto& task = as_ticket(object)->task;
  return PyBool_FromLong(task && task->spare_wanted);
}

// What was attached to the call, once; None where nothing was.
PyObject* get_load(PyObject* object, PyObject*) {
  auto& task = as_ticket(object)->task;
  return guarded([&] { return make_load(task ? std::move(task->attached) : nullptr); });
}

PyMethodDef kExternalMethods[] = {
    {"submit", fastcall(submit_call), METH_FASTCALL, nullptr},
    {"not_started", not_started, METH_NOARGS, nullptr},
    {"enter", enter, METH_NOARGS, nullptr},
    {"stats", lane_stats, METH_NOARGS, nullptr},
    {},
};
PyMethodDef kWorkerMethods[] = {
    {"pull", pull, METH_NOARGS, nullptr},
    {"try_pull", try_pull, METH_NOARGS, nullptr},
    {},
};
PyMethodDef kTicketMethods[] = {
    {"finish", fastcall(finish), METH_FASTCALL, nullptr},
    {"load", get_load, METH_NOARGS, nullptr},
    {},
};
PyGetSetDef kTicketGetSet[] = {
    {"tag", get_tag, nullptr, nullptr, nullptr},
    {"spare_wanted", get_spare_wanted, nullptr, nullptr, nullptr},
    {},
};

constexpr unsigned kPlain = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION;

}  // namespace

PyObject* make_external(External external, PyObject* executor) {
  auto* const made = allocate<ExternalObject>(reinterpret_cast<PyObject*>(external_type));
  if (!made) return nullptr;
  new (&made->external) External(std::move(external));
  made->executor = Py_NewRef(executor);
  return reinterpret_cast<PyObject*>(made);
}

const External& external_of(PyObject* object) { return as_external(object)->external; }

void add_external(py::module_& module) {
  static PyType_Slot external_slots[] = {
      {Py_tp_traverse, reinterpret_cast<void*>(traverse_external)},
      {Py_tp_clear, reinterpret_cast<void*>(clear_external)},
      {Py_tp_dealloc, reinterpret_cast<void*>(free_external)},
      {Py_tp_methods, kExternalMethods},
      {0, nullptr},
  };
  static PyType_Slot worker_slots[] = {
      {Py_tp_dealloc, reinterpret_cast<void*>(free_worker)},
      {Py_tp_methods, kWorkerMethods},
      {0, nullptr},
  };
  static PyType_Slot ticket_slots[] = {
      {Py_tp_dealloc, reinterpret_cast<void*>(free_ticket)},
      {Py_tp_methods, kTicketMethods},
      {Py_tp_getset, kTicketGetSet},
      {0, nullptr},
  };
  static PyType_Spec external = {"tidegate._core.External", sizeof(ExternalObject), 0,
                                 kPlain | Py_TPFLAGS_HAVE_GC, external_slots};
  static PyType_Spec worker = {"tidegate._core.Worker", sizeof(WorkerObject), 0, kPlain,
                               worker_slots};
  static PyType_Spec ticket = {"tidegate._core.Ticket", sizeof(TicketObject), 0, kPlain,
                               ticket_slots};
  external_type = add_type(module, external);
  worker_type = add_type(module, worker);
  ticket_type = add_type(module, ticket);
}

}  // namespace tidegate::python
