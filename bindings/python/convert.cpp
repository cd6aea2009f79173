// SPDX-License-Identifier: Apache-2.0
#include "convert.hpp"

#include <limits>
#include <utility>
#include <vector>

namespace tidegate::python {

namespace {

constexpr double kMostSeconds = 9e9;  // 285 years, what the clock's nanoseconds hold

bool refuse(const std::string& name, const std::string& what) {
  raise(Cause::kBadArgument, name + " " + what);
  return false;
}

bool read_integer(PyObject* given, const std::string& name, ParamValue& value) {
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(given, &overflow);
  if (overflow) return refuse(name, "does not fit 64 bits");
  if (number == -1 && PyErr_Occurred()) return false;
  value = std::int64_t{number};
  return true;
}

bool read_bytes(PyObject* given, ParamValue& value) {
  Py_buffer view;
  if (PyObject_GetBuffer(given, &view, PyBUF_CONTIG_RO) < 0) return false;
  value =
      Bytes(std::string(static_cast<const char*>(view.buf), static_cast<std::size_t>(view.len)));
  PyBuffer_Release(&view);
  return true;
}

bool read_value(PyObject* given, const std::string& name, ParamValue& value) {
  if (given == Py_None) return true;
  if (PyUnicode_Check(given)) return read_text(given, name, value.emplace<std::string>());
  if (PyLong_Check(given)) return read_integer(given, name, value);
  if (PyFloat_Check(given)) {
    value = PyFloat_AS_DOUBLE(given);
    return true;
  }
  if (PyObject_CheckBuffer(given)) return read_bytes(given, value);
  const std::string type = Py_TYPE(given)->tp_name;
  return refuse(name, "is a " + type + "; None, int, float, str and bytes can be bound");
}

bool read_named(PyObject* given, Params& params) {
  PyObject* key = nullptr;
  PyObject* item = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(given, &at, &key, &item);) {
    std::string name;
    if (!read_text(key, "the name of a parameter", name)) return false;
    ParamValue value;
    if (!read_value(item, "parameter '" + name + "'", value)) return false;
    params.set(std::move(name), std::move(value));
  }
  return true;
}

bool read_listed(PyObject* given, Params& params) {
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(given); ++i) {
    ParamValue value;
    const std::string name = "parameter number " + std::to_string(i + 1);
    if (!read_value(PySequence_Fast_GET_ITEM(given, i), name, value)) return false;
    params.add(std::move(value));
  }
  return true;
}

PyObject* make_value(const Value& value) {
  switch (value.kind()) {
    case ValueKind::kNull: break;
    case ValueKind::kInteger: return PyLong_FromLongLong(value.integer());
    case ValueKind::kReal: return PyFloat_FromDouble(value.real());
    case ValueKind::kText: return to_str(value.text());
    case ValueKind::kBytes: {
      const std::string_view bytes = value.text();
      return PyBytes_FromStringAndSize(bytes.data(), static_cast<Py_ssize_t>(bytes.size()));
    }
  }
  Py_RETURN_NONE;
}

PyObject* make_columns(const Rows& rows) {
  PyObject* const columns = PyTuple_New(static_cast<Py_ssize_t>(rows.columns().size()));
  if (!columns) return nullptr;
  for (std::size_t i = 0; i < rows.columns().size(); ++i) {
    PyObject* name = to_str(rows.columns()[i]);
    if (name) PyUnicode_InternInPlace(&name);
    PyTuple_SET_ITEM(columns, static_cast<Py_ssize_t>(i), name);
    if (!name) {
      Py_DECREF(columns);
      return nullptr;
    }
  }
  return columns;
}

// Copying a dict that has the keys already is cheaper than inserting them one by one.
PyObject* make_row(const Rows& rows, std::size_t row, PyObject* columns, PyObject* pattern) {
  PyObject* const made = pattern ? PyDict_Copy(pattern) : PyDict_New();
  for (Py_ssize_t i = 0; made && i < PyTuple_GET_SIZE(columns); ++i) {
    PyObject* const value = make_value(rows.at(row, static_cast<std::size_t>(i)));
    if (!value || PyDict_SetItem(made, PyTuple_GET_ITEM(columns, i), value) < 0) {
      Py_XDECREF(value);
      Py_DECREF(made);
      return nullptr;
    }
    Py_DECREF(value);
  }
  return made;
}

bool fill_rows(const Rows& rows, PyObject* list, PyObject* columns) {
  PyObject* pattern = nullptr;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    PyObject* const row = make_row(rows, i, columns, pattern);
    if (!row || PyList_Append(list, row) < 0) {
      Py_XDECREF(row);
      Py_XDECREF(pattern);
      return false;
    }
    if (!pattern) pattern = PyDict_Copy(row);
    Py_DECREF(row);
  }
  Py_XDECREF(pattern);
  return !PyErr_Occurred();
}

}  // namespace

PyObject* to_tuple(std::span<const std::string> lines) {
  PyObject* const tuple = PyTuple_New(static_cast<Py_ssize_t>(lines.size()));
  for (std::size_t i = 0; tuple && i < lines.size(); ++i) {
    PyObject* const line = to_str(lines[i]);
    PyTuple_SET_ITEM(tuple, static_cast<Py_ssize_t>(i), line);
    if (!line) {
      Py_DECREF(tuple);
      return nullptr;
    }
  }
  return tuple;
}

bool read_text(PyObject* given, const std::string& name, std::string& text) {
  if (!PyUnicode_Check(given)) return refuse(name, "must be a str");
  Py_ssize_t size = 0;
  const char* const data = PyUnicode_AsUTF8AndSize(given, &size);
  if (!data) {
    PyErr_Clear();
    return refuse(name, "holds a lone surrogate, which is no text");
  }
  text.assign(data, static_cast<std::size_t>(size));
  return true;
}

bool read_params(PyObject* given, Params& params) {
  if (given == Py_None) return true;
  if (PyDict_Check(given)) return read_named(given, params);
  if (PyList_Check(given) || PyTuple_Check(given)) return read_listed(given, params);
  if (PyMapping_Check(given) && PyObject_HasAttrString(given, "keys")) {
    PyObject* const copy = PyDict_New();
    const bool read = copy && PyDict_Update(copy, given) == 0 && read_named(copy, params);
    Py_XDECREF(copy);
    return read;
  }
  raise(Cause::kBadArgument, "params must be a mapping, a list or a tuple, not a " +
                                 std::string(Py_TYPE(given)->tp_name));
  return false;
}

bool read_seconds(PyObject* given, std::optional<double>& seconds) {
  if (given == Py_None) return true;
  const double number = PyFloat_AsDouble(given);
  if (number == -1.0 && PyErr_Occurred()) return false;
  seconds = number;
  return true;
}

bool read_timeout(PyObject* given, std::optional<Duration>& timeout) {
  std::optional<double> seconds;
  if (!read_seconds(given, seconds)) return false;
  if (seconds)
    timeout = Duration(static_cast<std::int64_t>(std::min(*seconds, kMostSeconds) * 1e9));
  return true;
}

bool read_deadline(PyObject* given, Deadline& deadline) {
  std::optional<Duration> since_boot;
  if (!read_timeout(given, since_boot)) return false;
  if (since_boot) deadline = Deadline::at(TimePoint(*since_boot));
  return true;
}

PyObject* make_rows(const Rows& rows) {
  PyObject* const columns = make_columns(rows);
  if (!columns) return nullptr;
  PyObject* list = PyObject_CallNoArgs(hooks.rows);
  if (list &&
      (PyObject_SetAttr(list, names.columns, columns) < 0 || !fill_rows(rows, list, columns))) {
    Py_CLEAR(list);
  }
  Py_DECREF(columns);
  return list;
}

PyObject* make_timings(const Timings& timings) {
  return PyObject_CallFunction(hooks.timings, "dddd",
                               seconds_of(timings.submitted.time_since_epoch()),
                               seconds_of(timings.queued), seconds_of(timings.ran),
                               seconds_of(timings.settled_at.time_since_epoch()));
}

Headers headers_of(const py::sequence& fields) {
  Headers headers;
  for (const py::handle field : fields) {
    const auto pair = field.cast<py::tuple>();
    headers.add(pair[0].cast<std::string>(), pair[1].cast<std::string>());
  }
  return headers;
}

}  // namespace tidegate::python
