// SPDX-License-Identifier: Apache-2.0
//
// CacheObject: a cache of Python objects, by reference. The package's class Cache is a subclass.
//
// Objects change hands under the GIL only. What the store, a lookup or a load lets go of on a thread
// without it waits for the next call that has it (held.cpp). The collector sees the values that the
// store alone holds, and none while a lookup is under way: a thread without the GIL could take one
// between two of its passes.
#pragma once

#include <unistd.h>

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "cache_key.hpp"
#include "operation.hpp"
#include "python.hpp"
#include "tidegate/cache.hpp"
#include "tidegate/query.hpp"

namespace tidegate::python {

// How many are under way in the process that counts them; a forked child has none of its parent's.
struct Lookups {
  bool here() const noexcept { return process == ::getpid(); }
  std::atomic<std::size_t> count{0};
  const pid_t process = ::getpid();
};

struct CacheObject {
  PyObject_HEAD std::shared_ptr<internal::CacheHome> home;  // null before open and once collected
  std::shared_ptr<Lookups> lookups;
};

// An object, or rows that become one at the first look.
class PyValue final : public internal::CacheValue {
 public:
  explicit PyValue(const py::object& what) noexcept : object_(Py_NewRef(what.ptr())) {}
  explicit PyValue(Rows rows) noexcept : rows_(std::move(rows)) {}
  ~PyValue() override { drop_anywhere(object_); }

  // Borrowed; null with an exception set.
  PyObject* object() const;
  // The same without a look.
  PyObject* made() const noexcept { return object_; }

 private:
  mutable PyObject* object_ = nullptr;  // both are touched under the GIL
  mutable Rows rows_;
};

// The object, new; drops the reference to the value.
inline PyObject* take_object(internal::CacheValue* value) {
  PyObject* const object = Py_XNewRef(static_cast<const PyValue*>(value)->object());
  value->unref();
  return object;
}

// The cache's home; null with an exception set.
internal::CacheHome* home_of(PyObject* cache);

// A loader of Python's: an operation of begin_load(), or the tuple (External, LoadCall).
std::shared_ptr<internal::Loader> loader_of(const py::object& given);
std::shared_ptr<internal::Loader> loader_of_query(Query query);
// The pair (codec, payload) that goes to Redis; nothing for None.
std::optional<internal::Encoded> encoded_of(const py::object& given);
void add_cache_load(py::module_& module);

// The package's view of a load that was attached to a call; None for null.
PyObject* make_load(std::shared_ptr<void> load);

// The Answer of a hit that stays the caller's.
PyObject* answer_hit(const internal::CacheHit& hit);

}  // namespace tidegate::python
