// SPDX-License-Identifier: Apache-2.0
#include "cache.hpp"

#include <functional>
#include <optional>
#include <utility>

#include "cache_key.hpp"
#include "convert.hpp"
#include "lane.hpp"
#include "tidegate/runtime.hpp"

namespace tidegate::python {

namespace {

using internal::CacheHit;

PyTypeObject* cache_type = nullptr;

CacheObject* cast_cache(PyObject* object) { return reinterpret_cast<CacheObject*>(object); }

// The result of a lookup; holds a reference to the value until the operation goes.
class HitPlace final : public internal::HitResult {
 public:
  explicit HitPlace(std::shared_ptr<std::atomic<std::size_t>> lookups) noexcept
      : lookups_(std::move(lookups)) {
    ++*lookups_;
  }
  HitPlace(const HitPlace&) = delete;
  HitPlace& operator=(const HitPlace&) = delete;
  ~HitPlace() override {
    if (hit_ && hit_->ok()) (*hit_)->value->unref();
  }
  void deliver(Result<CacheHit> hit) noexcept override {
    hit_.emplace(std::move(hit));
    --*lookups_;
  }
  const void* result() const noexcept override { return &*hit_; }

 private:
  const std::shared_ptr<std::atomic<std::size_t>> lookups_;
  std::optional<Result<CacheHit>> hit_;
};

// A fresh value that was there: an operation that never ran.
class FoundHit final : public internal::OperationState {
 public:
  explicit FoundHit(CacheHit hit) : hit_(std::move(hit)) {
    claim();
    publish();
  }
  void cancel() noexcept override {}
  const void* result() const noexcept override { return &hit_; }

 private:
  ~FoundHit() override { hit_->value->unref(); }
  const Result<CacheHit> hit_;
};

int traverse_cache(PyObject* object, visitproc visit, void* arg) {
  CacheObject* const self = cast_cache(object);
  Py_VISIT(Py_TYPE(object));
  if (!self->home || self->lookups->load() != 0) return 0;
  int stopped = 0;
  const auto visit_value = [&](const internal::CacheValue& value) {
    if (stopped != 0 || !value.sole_reference()) return;
    stopped = visit(static_cast<const PyValue&>(value).object, arg);
  };
  internal::for_each_value(*self->home, std::ref(visit_value));
  return stopped;
}

int clear_cache(PyObject* object) {
  const auto gone = std::move(cast_cache(object)->home);
  return 0;
}

void free_cache(PyObject* object) {
  PyObject_GC_UnTrack(object);
  clear_cache(object);
  std::destroy_at(&cast_cache(object)->home);
  std::destroy_at(&cast_cache(object)->lookups);
  free_object(object);
}

PyObject* new_cache(PyTypeObject* type, PyObject*, PyObject*) {
  auto* const self = allocate<CacheObject>(reinterpret_cast<PyObject*>(type));
  if (!self) return nullptr;
  new (&self->home) std::shared_ptr<internal::CacheHome>();
  new (&self->lookups) std::shared_ptr<std::atomic<std::size_t>>();
  return reinterpret_cast<PyObject*>(self);
}

// The cache's home; null with an exception set.
internal::CacheHome* home_of(PyObject* object) {
  drop_what_waits();
  internal::CacheHome* const home = cast_cache(object)->home.get();
  if (!home) raise(Cause::kClosed, "the cache was never opened, or is being collected");
  return home;
}

// Looks `key` up; what is found is taken by `take`, else `otherwise()` answers.
template <class Take, class Otherwise>
PyObject* find(PyObject* object, PyObject* key, bool stale_too, Take take, Otherwise otherwise) {
  return guarded([&]() -> PyObject* {
    KeyBytes bytes;
    if (!add_key(key, bytes)) return nullptr;
    internal::CacheHome* const home = home_of(object);
    if (!home) return nullptr;
    auto hit = internal::get(*home, bytes.view(), stale_too);
    return hit ? take(*hit) : otherwise();
  });
}

PyObject* none() { Py_RETURN_NONE; }

PyObject* take_value(CacheHit& hit) {
  PyObject* const value = object_of(hit);
  hit.value->unref();
  return value;
}

// get(key, default=None)
PyObject* get(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 1 && count != 2) {
    PyErr_Format(PyExc_TypeError, "get() takes a key and a default, %zd were given", count);
    return nullptr;
  }
  return find(object, arguments[0], false, take_value,
              [&] { return Py_NewRef(count == 2 ? arguments[1] : Py_None); });
}

// peek(key) -> Answer or None
PyObject* peek(PyObject* object, PyObject* key) {
  const auto take = [](CacheHit& hit) {
    PyObject* const made = answer_hit(hit);
    hit.value->unref();
    return made;
  };
  return find(object, key, true, take, none);
}

// hit(key) -> an Operation that has ended with the fresh value; None where there is none, or where
// it is time to load ahead.
PyObject* hit(PyObject* object, PyObject* key) {
  const auto take = [&](CacheHit& hit) -> PyObject* {
    if (hit.is_due) {
      hit.value->unref();
      Py_RETURN_NONE;
    }
    return make_operation({.state = internal::OperationRef::adopt(new FoundHit(std::move(hit))),
                           .yield = Yield::kHit,
                           .deadline = Py_HUGE_VAL,
                           .owner = object,
                           .label = names.empty,
                           .default_ = hooks.missing,
                           .call = Py_None});
  };
  return find(object, key, false, take, none);
}

int contains(PyObject* object, PyObject* key) {
  const auto take = [](CacheHit& hit) {
    hit.value->unref();
    return Py_True;
  };
  PyObject* const found = find(object, key, false, take, [] { return Py_False; });
  return found ? found == Py_True : -1;
}

Py_ssize_t length(PyObject* object) {
  internal::CacheHome* const home = home_of(object);
  return home ? static_cast<Py_ssize_t>(internal::stats(*home).entries) : -1;
}

bool read_lives(PyObject* ttl, PyObject* stale_for, LoadOptions& options) {
  std::optional<Duration> fresh;
  std::optional<Duration> stale;
  if (!read_timeout(ttl, fresh) || !read_timeout(stale_for, stale)) return false;
  if (fresh) options.ttl(*fresh);
  if (stale) options.stale_for(*stale);
  return true;
}

// put(key, value, ttl, stale_for, weight) -> version
PyObject* put(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 5) return raise(Cause::kBadArgument, "put() takes five arguments");
  return guarded([&]() -> PyObject* {
    KeyBytes key;
    LoadOptions options;
    if (!add_key(arguments[0], key) || !read_lives(arguments[2], arguments[3], options)) {
      return nullptr;
    }
    std::size_t weight = arguments[4] == Py_None ? weigh(arguments[1]) : 0;
    if (weight == 0) weight = PyLong_AsSize_t(arguments[4]);
    if (PyErr_Occurred()) return nullptr;
    internal::CacheHome* const home = home_of(object);
    if (!home) return nullptr;
    return PyLong_FromUnsignedLongLong(
        internal::put(*home, key.view(), new PyValue(arguments[1]), weight, options));
  });
}

// drop(key, version) -> whether there was something to forget
PyObject* drop(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 2) return raise(Cause::kBadArgument, "drop() takes two arguments");
  return guarded([&]() -> PyObject* {
    KeyBytes key;
    const std::uint64_t version = PyLong_AsUnsignedLongLong(arguments[1]);
    if (PyErr_Occurred() || !add_key(arguments[0], key)) return nullptr;
    internal::CacheHome* const home = home_of(object);
    if (!home) return nullptr;
    return PyBool_FromLong(internal::invalidate(*home, key.view(), version));
  });
}

PyObject* invalidate_all(PyObject* object, PyObject*) {
  internal::CacheHome* const home = home_of(object);
  if (!home) return nullptr;
  internal::invalidate_all(*home);
  Py_RETURN_NONE;
}

PyObject* cache_counts(PyObject* object, PyObject*) {
  internal::CacheHome* const home = home_of(object);
  if (!home) return nullptr;
  const CacheStats stats = internal::stats(*home);
  return Py_BuildValue("KKKKKKKnn", stats.hits, stats.stale_hits, stats.misses, stats.puts,
                       stats.refused, stats.evicted, stats.expired,
                       static_cast<Py_ssize_t>(stats.entries),
                       static_cast<Py_ssize_t>(stats.bytes));
}

// load(key, loader, timeout, deadline, ttl, stale_for, soft_timeout) -> Operation
PyObject* load(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 7) return raise(Cause::kBadArgument, "load() takes seven arguments");
  if (is_shut_down()) return raise(Cause::kClosed, "tidegate is shut down");
  return guarded([&]() -> PyObject* {
    KeyBytes key;
    LoadOptions options;
    std::optional<Duration> timeout;
    std::optional<Duration> soft;
    Deadline deadline;
    std::shared_ptr<internal::Loader> loader = loader_of(arguments[1]);
    if (!loader || !add_key(arguments[0], key) || !read_timeout(arguments[2], timeout) ||
        !read_deadline(arguments[3], deadline) ||
        !read_lives(arguments[4], arguments[5], options) || !read_timeout(arguments[6], soft)) {
      return nullptr;
    }
    internal::CacheHome* const home = home_of(object);
    if (!home) return nullptr;
    if (soft) options.soft_timeout(*soft);
    if (timeout) options.timeout(*timeout);
    options.deadline(deadline);
    auto state = internal::get_or_load(*home, std::string(key.view()), std::move(loader), options,
                                       std::make_unique<HitPlace>(cast_cache(object)->lookups));
    return make_operation({.state = std::move(state),
                           .yield = Yield::kHit,
                           .deadline = seconds_of(options.deadline().time().time_since_epoch()),
                           .owner = object,
                           .label = names.empty,
                           .default_ = hooks.missing,
                           .call = Py_None});
  });
}

// open(name, strict_lru, sliding, jitter, refresh_ahead, max_entries, max_bytes, loaders,
//      ttl, stale_for, negative_ttl, failure_throttle, error_ttl, load_timeout, soft_timeout)
PyObject* open(PyObject* object, PyObject* arguments) {
  const char* name = nullptr;
  int strict_lru = 0;
  int sliding = 0;
  double jitter = 0;
  double refresh_ahead = 0;
  Py_ssize_t entries = 0;
  Py_ssize_t bytes = 0;
  Py_ssize_t loaders = 0;
  PyObject* lives[7] = {};
  if (!PyArg_ParseTuple(arguments, "sppddnnnOOOOOOO", &name, &strict_lru, &sliding, &jitter,
                        &refresh_ahead, &entries, &bytes, &loaders, &lives[0], &lives[1], &lives[2],
                        &lives[3], &lives[4], &lives[5], &lives[6])) {
    return nullptr;
  }
  return guarded([&]() -> PyObject* {
    CacheOptions options;
    options.name(name).sliding(sliding).jitter(jitter).refresh_ahead(refresh_ahead);
    options.max_entries(static_cast<std::size_t>(entries));
    options.max_bytes(static_cast<std::size_t>(bytes));
    options.loaders(static_cast<std::size_t>(loaders));
    if (strict_lru) options.eviction(Eviction::kStrictLru);
    using Setter = CacheOptions& (CacheOptions::*)(Duration);
    constexpr Setter kSetters[] = {&CacheOptions::ttl,          &CacheOptions::stale_for,
                                   &CacheOptions::negative_ttl, &CacheOptions::failure_throttle,
                                   &CacheOptions::error_ttl,    &CacheOptions::load_timeout,
                                   &CacheOptions::soft_timeout};
    for (std::size_t i = 0; i < std::size(kSetters); ++i) {
      std::optional<Duration> life;
      if (!read_timeout(lives[i], life)) return nullptr;
      if (life) (options.*kSetters[i])(*life);
    }
    cast_cache(object)->lookups = std::make_shared<std::atomic<std::size_t>>(0);
    cast_cache(object)->home = internal::make_cache(options);
    Py_RETURN_NONE;
  });
}

PyMethodDef kCacheMethods[] = {
    {"get", fastcall(get), METH_FASTCALL, nullptr},
    {"peek", peek, METH_O, nullptr},
    {"invalidate_all", invalidate_all, METH_NOARGS, nullptr},
    {"_hit", hit, METH_O, nullptr},
    {"_put", fastcall(put), METH_FASTCALL, nullptr},
    {"_drop", fastcall(drop), METH_FASTCALL, nullptr},
    {"_load", fastcall(load), METH_FASTCALL, nullptr},
    {"_counts", cache_counts, METH_NOARGS, nullptr},
    {"_open", open, METH_VARARGS, nullptr},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, nullptr},
    {},
};

}  // namespace

PyObject* answer_hit(const CacheHit& hit) {
  PyObject* const reason = hit.reason.ok() ? Py_NewRef(Py_None) : make_error(hit.reason);
  if (!reason) return nullptr;
  PyObject* const made = make_answer({}, hit.timings, object_of(hit));
  if (!made) {
    Py_DECREF(reason);
    return nullptr;
  }
  auto* const answer = reinterpret_cast<AnswerObject*>(made);
  Py_SETREF(answer->source, Py_NewRef(names.sources[static_cast<std::size_t>(hit.source)]));
  Py_SETREF(answer->reason, reason);
  answer->age = seconds_of(hit.age);
  answer->version = hit.version;
  const bool is_measured = hit.timings.submitted != TimePoint();
  if (!is_measured) answer->timings = Py_NewRef(Py_None);
  return made;
}

std::size_t weigh(PyObject* value) {
  const PyTypeObject* const type = Py_TYPE(value);
  auto bytes = static_cast<std::size_t>(type->tp_basicsize);
  if (PyUnicode_Check(value)) {
    bytes += static_cast<std::size_t>(PyUnicode_GET_LENGTH(value) * PyUnicode_KIND(value));
  } else if (type->tp_itemsize > 0 && !PyLong_Check(value)) {
    bytes += static_cast<std::size_t>(Py_SIZE(value) * type->tp_itemsize);
  } else if (PyList_Check(value)) {
    bytes += static_cast<std::size_t>(PyList_GET_SIZE(value)) * sizeof(PyObject*);
  }
  return bytes;
}

CacheObject* as_cache(PyObject* object) {
  if (PyObject_TypeCheck(object, cache_type)) return cast_cache(object);
  PyErr_Format(PyExc_TypeError, "a Cache is needed, not a %s", Py_TYPE(object)->tp_name);
  return nullptr;
}

void add_cache(py::module_& module) {
  module.def("encode_key", [](const py::object& value) {
    KeyBytes key;
    if (!add_key(value.ptr(), key)) throw py::error_already_set();
    return py::bytes(key.view());
  });
  static PyType_Slot slots[] = {
      {Py_tp_traverse, reinterpret_cast<void*>(traverse_cache)},
      {Py_tp_clear, reinterpret_cast<void*>(clear_cache)},
      {Py_tp_dealloc, reinterpret_cast<void*>(free_cache)},
      {Py_tp_new, reinterpret_cast<void*>(new_cache)},
      {Py_tp_methods, kCacheMethods},
      {Py_sq_contains, reinterpret_cast<void*>(contains)},
      {Py_sq_length, reinterpret_cast<void*>(length)},
      {0, nullptr},
  };
  static PyType_Spec spec = {"tidegate._core.Cache", sizeof(CacheObject), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
  cache_type = add_type(module, spec);
  add_cache_load(module);
}

}  // namespace tidegate::python
