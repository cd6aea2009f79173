// SPDX-License-Identifier: Apache-2.0
//
// CacheObject: a cache of Python objects, by reference. The package's class Cache is a subclass.
//
// Objects change hands under the GIL only. What the store, a lookup or a load lets go of on a thread
// without it waits for the next call that has it (held.cpp). The collector sees the values that the
// store alone holds, and none while a lookup is under way: a thread without the GIL could take one
// between two of its passes.
#pragma once

#include <atomic>
#include <memory>

#include "operation.hpp"
#include "python.hpp"
#include "tidegate/cache.hpp"

namespace tidegate::python {

struct CacheObject {
  PyObject_HEAD std::shared_ptr<internal::CacheHome> home;  // null before open() and once collected
  std::shared_ptr<std::atomic<std::size_t>> lookups;        // under way
};

class PyValue final : public internal::CacheValue {
 public:
  explicit PyValue(PyObject* what) noexcept : object(Py_NewRef(what)) {}
  ~PyValue() override { drop_anywhere(object); }
  PyObject* const object;
};

// A load that has begun, on its way to Python code; it fails if all let go of it.
struct PyLoad {
  PyLoad(LoadContext what, PyObject* how) noexcept : context(std::move(what)), call(how) {}
  PyLoad(const PyLoad&) = delete;
  PyLoad& operator=(const PyLoad&) = delete;
  ~PyLoad() { drop_anywhere(call); }
  LoadContext context;
  PyObject* call;  // the package's LoadCall, or null
};

inline PyObject* object_of(const internal::CacheHit& hit) {
  return Py_NewRef(static_cast<const PyValue*>(hit.value)->object);
}

// The Answer of a hit that stays the caller's.
PyObject* answer_hit(const internal::CacheHit& hit);

// A loader of Python's: an operation of begin_load(), or the tuple (External, LoadCall).
std::shared_ptr<internal::Loader> loader_of(PyObject* given);
void add_cache_load(py::module_& module);

// What an object takes by itself, roughly, in bytes.
std::size_t weigh(PyObject* value);

// The package's view of a PyLoad; None for null.
PyObject* make_load(std::shared_ptr<void> load);

// With the type checked; null with an exception set. It may have no home.
CacheObject* as_cache(PyObject* object);

}  // namespace tidegate::python
