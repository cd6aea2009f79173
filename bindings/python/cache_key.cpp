// SPDX-License-Identifier: Apache-2.0
#include "cache_key.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace tidegate::python {

namespace {

void add_size(Py_ssize_t size, KeyBytes& key) {
  auto left = static_cast<std::size_t>(size);
  for (; left >= 0x80; left >>= 7) key.add(static_cast<char>(left | 0x80));
  key.add(static_cast<char>(left));
}

void add_bytes(char tag, const char* data, Py_ssize_t size, KeyBytes& key) {
  key.add(tag);
  add_size(size, key);
  key.add(data, static_cast<std::size_t>(size));
}

bool add_str(PyObject* value, KeyBytes& key) {
  if (PyUnicode_IS_COMPACT_ASCII(value)) {
    const auto* const data = static_cast<const char*>(PyUnicode_DATA(value));
    add_bytes('s', data, PyUnicode_GET_LENGTH(value), key);
    return true;
  }
  PyObject* const utf8 = PyUnicode_AsEncodedString(value, "utf-8", "surrogatepass");
  if (!utf8) return false;
  add_bytes('s', PyBytes_AS_STRING(utf8), PyBytes_GET_SIZE(utf8), key);
  Py_DECREF(utf8);
  return true;
}

// Two's complement, the highest byte first, in bit_length / 8 + 1 bytes.
bool add_int(PyObject* value, KeyBytes& key) {
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
  if (overflow == 0 && number != std::numeric_limits<long long>::min()) {
    const auto size = static_cast<unsigned>(
        std::bit_width(static_cast<unsigned long long>(number < 0 ? -number : number)) / 8 + 1);
    const auto bits = static_cast<unsigned long long>(number);
    key.add('i');
    key.add(static_cast<char>(size));
    for (unsigned i = size; i-- > 0;) key.add(static_cast<char>(bits >> (8 * i)));
    return true;
  }
  PyObject* const bits = PyObject_CallMethod(value, "bit_length", nullptr);
  const Py_ssize_t size = bits ? PyLong_AsSsize_t(bits) / 8 + 1 : 0;
  Py_XDECREF(bits);
  PyObject* const to_bytes = bits ? PyObject_GetAttrString(value, "to_bytes") : nullptr;
  PyObject* const arguments = to_bytes ? Py_BuildValue("(ns)", size, "big") : nullptr;
  PyObject* const keywords = arguments ? Py_BuildValue("{s:O}", "signed", Py_True) : nullptr;
  PyObject* const bytes = keywords ? PyObject_Call(to_bytes, arguments, keywords) : nullptr;
  Py_XDECREF(to_bytes);
  Py_XDECREF(arguments);
  Py_XDECREF(keywords);
  if (!bytes) return false;
  add_bytes('i', PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes), key);
  Py_DECREF(bytes);
  return true;
}

void add_float(double number, KeyBytes& key) {
  if (std::isnan(number)) number = std::numeric_limits<double>::quiet_NaN();
  const auto bits = std::bit_cast<std::uint64_t>(number);
  key.add('f');
  for (unsigned i = 8; i-- > 0;) key.add(static_cast<char>(bits >> (8 * i)));
}

// A list may change in size while its items are looked at.
bool add_items(char tag, PyObject* sequence, KeyBytes& key) {
  if (Py_EnterRecursiveCall(" while making a cache key")) return false;
  const Py_ssize_t size = PySequence_Fast_GET_SIZE(sequence);
  key.add(tag);
  add_size(size, key);
  bool added = true;
  for (Py_ssize_t i = 0; added && i < size; ++i) {
    if (i >= PySequence_Fast_GET_SIZE(sequence)) {
      PyErr_SetString(PyExc_RuntimeError, "a list changed its size while a cache key was made");
      added = false;
      break;
    }
    PyObject* const item = Py_NewRef(PySequence_Fast_GET_ITEM(sequence, i));
    added = add_value(item, key);
    Py_DECREF(item);
  }
  Py_LeaveRecursiveCall();
  return added;
}

// What _keys.py makes simple.
bool add_other(PyObject* value, KeyBytes& key) {
  PyObject* const plain = PyObject_CallOneArg(hooks.plain_key, value);
  const bool added = plain && add_items('x', plain, key);
  Py_XDECREF(plain);
  return added;
}

}  // namespace

bool add_value(PyObject* value, KeyBytes& key) {
  if (PyUnicode_CheckExact(value)) return add_str(value, key);
  if (PyLong_CheckExact(value)) return add_int(value, key);
  if (PyTuple_CheckExact(value)) return add_items('(', value, key);
  if (PyList_CheckExact(value)) return add_items('[', value, key);
  if (PyBytes_CheckExact(value)) {
    add_bytes('b', PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), key);
  } else if (PyFloat_CheckExact(value)) {
    add_float(PyFloat_AS_DOUBLE(value), key);
  } else if (value == Py_None || PyBool_Check(value)) {
    key.add(value == Py_None ? 'N' : value == Py_True ? 'T' : 'F');
  } else {
    return add_other(value, key);
  }
  return true;
}

}  // namespace tidegate::python
