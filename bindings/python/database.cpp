// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "convert.hpp"
#include "lane.hpp"
#include "tidegate/runtime.hpp"

namespace tidegate::python {

namespace {

struct DatabaseObject {
  PyObject_HEAD Database database;
  PyObject* executor;
};

PyTypeObject* database_type = nullptr;

DatabaseObject* as_database(PyObject* object) { return reinterpret_cast<DatabaseObject*>(object); }

int traverse_database(PyObject* object, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(as_database(object)->executor);
  return 0;
}

int clear_database(PyObject* object) {
  Py_CLEAR(as_database(object)->executor);
  return 0;
}

void free_database(PyObject* object) {
  PyObject_GC_UnTrack(object);
  as_database(object)->database.~Database();
  clear_database(object);
  free_object(object);
}

// submit(sql, params, timeout, deadline, label, default) -> Operation
PyObject* submit_query(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 6) return raise(Cause::kBadArgument, "submit() takes six arguments");
  return guarded([&]() -> PyObject* {
    CallOptions options;
    std::string sql;
    Params params;
    if (!read_options(arguments + 2, options) || !read_text(arguments[0], "sql", sql) ||
        !read_params(arguments[1], params)) {
      return nullptr;
    }
    Query query = as_database(object)->database.query(std::move(sql), std::move(params));
    query.timeout(options.timeout).deadline(options.deadline).fallback(Rows());
    auto operation = query.label(options.label).start();
    return submitted(operation.state(), options, object, Py_None);
  });
}

// key(sql, params) -> bytes
PyObject* key_of_query(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 2) return raise(Cause::kBadArgument, "key() takes two arguments");
  return guarded([&]() -> PyObject* {
    std::string sql;
    Params params;
    if (!read_text(arguments[0], "sql", sql) || !read_params(arguments[1], params)) return nullptr;
    const std::string key = as_database(object)->database.key(sql, params);
    return PyBytes_FromStringAndSize(key.data(), static_cast<Py_ssize_t>(key.size()));
  });
}

PyMethodDef kDatabaseMethods[] = {
    {"key", fastcall(key_of_query), METH_FASTCALL, nullptr},
    {"submit", fastcall(submit_query), METH_FASTCALL, nullptr},
    {},
};

}  // namespace

PyObject* make_database(Database database, PyObject* executor) {
  auto* const made = allocate<DatabaseObject>(reinterpret_cast<PyObject*>(database_type));
  if (!made) return nullptr;
  new (&made->database) Database(std::move(database));
  made->executor = Py_NewRef(executor);
  return reinterpret_cast<PyObject*>(made);
}

const Database& database_of(PyObject* object) { return as_database(object)->database; }

bool read_options(PyObject* const* arguments, CallOptions& options) {
  if (is_shut_down()) return raise(Cause::kClosed, "tidegate is shut down") != nullptr;
  std::optional<Duration> timeout;
  Deadline outer;
  if (!read_timeout(arguments[0], timeout) || !read_deadline(arguments[1], outer)) return false;
  if (!read_text(arguments[2], "label", options.label)) return false;
  options.timeout = timeout.value_or(Duration::max());
  options.deadline = outer.earlier(Deadline::after(options.timeout));
  options.label_object = arguments[2];
  options.default_ = arguments[3];
  return true;
}

PyObject* submitted(internal::OperationRef state, const CallOptions& options, PyObject* owner,
                    PyObject* call) {
  const double deadline = seconds_of(options.deadline.time().time_since_epoch());
  return make_operation({.state = std::move(state),
                         .yield = call == Py_None ? Yield::kRows : Yield::kCall,
                         .deadline = deadline,
                         .owner = owner,
                         .label = options.label_object,
                         .default_ = options.default_,
                         .call = call});
}

void add_database(py::module_& module) {
  static PyType_Slot slots[] = {
      {Py_tp_traverse, reinterpret_cast<void*>(traverse_database)},
      {Py_tp_clear, reinterpret_cast<void*>(clear_database)},
      {Py_tp_dealloc, reinterpret_cast<void*>(free_database)},
      {Py_tp_methods, kDatabaseMethods},
      {0, nullptr},
  };
  static PyType_Spec spec = {
      "tidegate._core.Database", sizeof(DatabaseObject), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  database_type = add_type(module, spec);
}

}  // namespace tidegate::python
