// SPDX-License-Identifier: Apache-2.0
// The process: what waits here is raw C API, in the form that python.hpp asks for.
#include "tidegate/runtime.hpp"

#include "convert.hpp"
#include "tidegate/log.hpp"
#include "tidegate/metrics.hpp"
#include "tidegate/version.hpp"

namespace tidegate::python {

namespace {

[[gnu::noinline]] bool shut_down_within(double seconds) {
  return shutdown(Duration(static_cast<std::int64_t>(seconds * 1e9))).ok();
}

// False where threads were abandoned.
PyObject* shut_down(PyObject*, PyObject* timeout) {
  const double seconds = PyFloat_AsDouble(timeout);
  if (seconds == -1.0 && PyErr_Occurred()) return nullptr;
  PyThreadState* const thread = PyEval_SaveThread();
  const bool joined = shut_down_within(seconds);
  PyEval_RestoreThread(thread);
  return PyBool_FromLong(joined);
}

PyObject* quiesce_now(PyObject*, PyObject*) {
  PyThreadState* const thread = PyEval_SaveThread();
  const bool quiet = quiesce();
  PyEval_RestoreThread(thread);
  return PyBool_FromLong(quiet);
}

PyObject* share(PyObject*, PyObject* directory) {
  return guarded([&]() -> PyObject* {
    Py_ssize_t size = 0;
    const char* const path = PyUnicode_AsUTF8AndSize(directory, &size);
    if (!path) return nullptr;
    const Status shared = share_stats({path, static_cast<std::size_t>(size)});
    if (!shared.ok()) return raise(shared.cause(), shared.message());
    Py_RETURN_NONE;
  });
}

PyMethodDef kRuntimeFunctions[] = {
    {"shutdown", shut_down, METH_O, nullptr},
    {"quiesce", quiesce_now, METH_NOARGS, nullptr},
    {"share_stats", share, METH_O, nullptr},
    {},
};

py::str text(std::string_view from) { return py::reinterpret_steal<py::str>(to_str(from)); }

StatsOf whose(bool all) { return all ? StatsOf::kAllWorkers : StatsOf::kThisProcess; }

py::list list_causes() {
  py::list rows;
  for (const CauseInfo& info : causes()) {
    rows.append(py::make_tuple(static_cast<int>(info.cause), text(info.name),
                               static_cast<int>(info.code), text(code_name(info.code)),
                               text(info.exception), info.retryable, info.local,
                               text(info.meaning)));
  }
  return rows;
}

// Seconds, or the sentence that says what is wrong.
py::object read_duration(const std::string& from) {
  const Result<Duration> duration = parse_duration(from);
  if (duration.ok()) return py::float_(seconds_of(*duration));
  return text(duration.status().message());
}

}  // namespace

void add_runtime(py::module_& module) {
  PyModule_AddFunctions(module.ptr(), kRuntimeFunctions);
  module.def("is_shut_down", &is_shut_down);
  module.def("thread_count", &thread_count);
  module.def("version", [] { return text(version()); });
  module.def("causes", &list_causes);
  module.def("parse_duration", &read_duration);
  module.def("stats_json", [](bool all) { return text(stats(whose(all)).json()); });
  module.def("workers", [] {
    py::list pids;
    for (const std::int64_t pid : workers()) pids.append(pid);
    return pids;
  });
  module.def("stats_prometheus", [](bool all) { return text(stats(whose(all)).prometheus()); });
  module.def("set_log_level", [](const std::string& name) {
    const auto level = parse_log_level(name);
    if (level) set_log_level(*level);
    return level.has_value();
  });
}

}  // namespace tidegate::python
