// SPDX-License-Identifier: Apache-2.0
#include "cache_key.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace tidegate::python {

namespace {

char* put_size(std::size_t size, char* at) {
  for (; size >= 0x80; size >>= 7) *at++ = static_cast<char>(size | 0x80);
  *at++ = static_cast<char>(size);
  return at;
}

inline void add_bytes(char tag, const char* data, Py_ssize_t length, KeyBytes& key) {
  const auto size = static_cast<std::size_t>(length);
  char* at = key.reserve(size + 12);
  *at++ = tag;
  at = put_size(size, at);
  std::memcpy(at, data, size);
  key.advance(at + size);
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

bool add_other(PyObject* value, KeyBytes& key);

// Two's complement, the highest byte first, in bit_length / 8 + 1 bytes.
bool add_int(PyObject* value, KeyBytes& key) {
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
  if (overflow || number == std::numeric_limits<long long>::min()) return add_other(value, key);
  const auto bits = static_cast<unsigned long long>(number);
  const auto size = static_cast<unsigned>(std::bit_width(number < 0 ? -bits : bits) / 8 + 1);
  char* at = key.reserve(10);
  *at++ = 'i';
  *at++ = static_cast<char>(size);
  for (unsigned i = size; i-- > 0;) *at++ = static_cast<char>(bits >> (8 * i));
  key.advance(at);
  return true;
}

void add_float(double number, KeyBytes& key) {
  if (std::isnan(number)) number = std::numeric_limits<double>::quiet_NaN();
  const auto bits = std::bit_cast<std::uint64_t>(number);
  char* at = key.reserve(9);
  *at++ = 'f';
  for (unsigned i = 8; i-- > 0;) *at++ = static_cast<char>(bits >> (8 * i));
  key.advance(at);
}

bool add_items(char tag, PyObject* tuple, KeyBytes& key) {
  if (Py_EnterRecursiveCall(" while making a cache key")) return false;
  char* const at = key.reserve(11);
  *at = tag;
  key.advance(put_size(static_cast<std::size_t>(PyTuple_GET_SIZE(tuple)), at + 1));
  bool added = true;
  for (Py_ssize_t i = 0; added && i < PyTuple_GET_SIZE(tuple); ++i) {
    added = add_value(PyTuple_GET_ITEM(tuple, i), key);
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
