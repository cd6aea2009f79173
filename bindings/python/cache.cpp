// SPDX-License-Identifier: Apache-2.0
#include "cache.hpp"

#include <functional>
#include <optional>

#include "convert.hpp"
#include "lane.hpp"
#include "tidegate/runtime.hpp"

namespace tidegate::python {

namespace {

using internal::CacheHit;

CacheObject* as_cache(PyObject* object) { return reinterpret_cast<CacheObject*>(object); }

// The result of a lookup; holds a reference to the value until the operation goes.
class HitPlace final : public internal::HitResult {
 public:
  explicit HitPlace(std::shared_ptr<Lookups> lookups) noexcept : lookups_(std::move(lookups)) {
    ++lookups_->count;
  }
  HitPlace(const HitPlace&) = delete;
  HitPlace& operator=(const HitPlace&) = delete;
  ~HitPlace() override {
    if (hit_ && hit_->ok()) (*hit_)->value->unref();
  }
  void deliver(Result<CacheHit> hit) noexcept override {
    hit_.emplace(std::move(hit));
    --lookups_->count;
  }
  const void* result() const noexcept override { return &*hit_; }

 private:
  const std::shared_ptr<Lookups> lookups_;
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

PyObject* operation_of(PyObject* owner, internal::OperationRef state, Deadline deadline,
                       PyObject* label = names.empty, PyObject* otherwise = hooks.missing) {
  return make_operation({.state = std::move(state),
                         .yield = Yield::kHit,
                         .deadline = seconds_of(deadline.time().time_since_epoch()),
                         .owner = owner,
                         .label = label,
                         .default_ = otherwise,
                         .call = Py_None});
}

int traverse_cache(PyObject* object, visitproc visit, void* arg) {
  CacheObject* const self = as_cache(object);
  Py_VISIT(Py_TYPE(object));
  if (!self->home || (self->lookups->here() && self->lookups->count != 0)) return 0;
  int stopped = 0;
  const auto visit_value = [&](const internal::CacheValue& value) {
    if (stopped != 0 || !value.sole_reference()) return;
    PyObject* const made = static_cast<const PyValue&>(value).made();
    if (made) stopped = visit(made, arg);
  };
  internal::for_each_value(*self->home, std::ref(visit_value));
  return stopped;
}

int clear_cache(PyObject* object) {
  const auto gone = std::move(as_cache(object)->home);
  return 0;
}

void free_cache(PyObject* object) {
  PyObject_GC_UnTrack(object);
  clear_cache(object);
  std::destroy_at(&as_cache(object)->home);
  std::destroy_at(&as_cache(object)->lookups);
  free_object(object);
}

PyObject* new_cache(PyTypeObject* type, PyObject*, PyObject*) {
  auto* const self = allocate<CacheObject>(reinterpret_cast<PyObject*>(type));
  if (!self) return nullptr;
  new (&self->home) std::shared_ptr<internal::CacheHome>();
  new (&self->lookups) std::shared_ptr<Lookups>();
  return reinterpret_cast<PyObject*>(self);
}

// Runs `look(home, bytes of the key)`; null with an exception set where there is no such thing.
template <class Look>
PyObject* with_key(PyObject* cache, PyObject* key, Look look) {
  return guarded([&]() -> PyObject* {
    KeyBytes bytes;
    if (!add_key(key, bytes)) return nullptr;
    internal::CacheHome* const home = home_of(cache);
    return home ? look(*home, bytes.view()) : nullptr;
  });
}

PyObject* get_or(PyObject* cache, PyObject* key, PyObject* otherwise) {
  return with_key(cache, key, [&](internal::CacheHome& home, std::string_view bytes) {
    bool is_due = false;
    internal::CacheValue* const value = internal::get_fresh(home, bytes, &is_due);
    return value ? take_object(value) : Py_NewRef(otherwise);
  });
}

// get(key, default=None)
PyObject* get(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  if (count == 1) return get_or(object, arguments[0], Py_None);
  if (count == 2) return get_or(object, arguments[0], arguments[1]);
  return PyErr_Format(PyExc_TypeError, "get() takes a key and a default, not %zd values", count);
}

// peek(key) -> Answer or None
PyObject* peek(PyObject* object, PyObject* key) {
  return with_key(object, key, [&](internal::CacheHome& home, std::string_view bytes) {
    const auto hit = internal::get(home, bytes, true);
    if (!hit) return Py_NewRef(Py_None);
    PyObject* const made = answer_hit(*hit);
    hit->value->unref();
    return made;
  });
}

// _hit(key) -> an Operation that has ended with the fresh value; None where there is none, or where
// it is time to load ahead.
PyObject* hit(PyObject* object, PyObject* key) {
  return with_key(object, key, [&](internal::CacheHome& home, std::string_view bytes) {
    auto found = internal::get(home, bytes, false, internal::Look::kGlance);
    if (!found) return Py_NewRef(Py_None);
    const bool is_due = found->is_due;
    auto state = internal::OperationRef::adopt(new FoundHit(std::move(*found)));
    if (is_due) return Py_NewRef(Py_None);
    return operation_of(object, std::move(state), Deadline::never());
  });
}

int contains(PyObject* object, PyObject* key) {
  PyObject* const missing = hooks.missing;
  PyObject* const found = get_or(object, key, missing);
  Py_XDECREF(found);
  return found ? found != missing : -1;
}

Py_ssize_t length(PyObject* object) {
  internal::CacheHome* const home = home_of(object);
  return home ? static_cast<Py_ssize_t>(internal::stats(*home).entries) : -1;
}

PyMethodDef kCacheMethods[] = {
    {"get", fastcall(get), METH_FASTCALL, nullptr},
    {"peek", peek, METH_O, nullptr},
    {"_hit", hit, METH_O, nullptr},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, nullptr},
    {},
};

internal::CacheHome& opened(const py::object& cache) {
  internal::CacheHome* const home = home_of(cache.ptr());
  if (!home) throw py::error_already_set();
  return *home;
}

std::string key_of(const py::object& value) {
  KeyBytes key;
  if (!add_key(value.ptr(), key)) throw py::error_already_set();
  return std::string(key.view());
}

std::optional<Duration> duration_of(const py::object& seconds) {
  std::optional<Duration> duration;
  if (!read_timeout(seconds.ptr(), duration)) throw py::error_already_set();
  return duration;
}

LoadOptions lives(const py::object& ttl, const py::object& stale_for) {
  LoadOptions options;
  if (const auto fresh = duration_of(ttl)) options.ttl(*fresh);
  if (const auto stale = duration_of(stale_for)) options.stale_for(*stale);
  return options;
}

void open(const py::object& cache, const std::string& name, bool strict_lru,
          const py::dict& given) {
  CacheOptions options;
  options.name(name).sliding(given["sliding"].cast<bool>());
  options.jitter(given["jitter"].cast<double>());
  options.refresh_ahead(given["refresh_ahead"].cast<double>());
  options.max_entries(given["max_entries"].cast<std::size_t>());
  options.max_bytes(given["max_bytes"].cast<std::size_t>());
  if (strict_lru) options.eviction(Eviction::kStrictLru);
  constexpr std::pair<const char*, CacheOptions& (CacheOptions::*)(Duration)> kDurations[] = {
      {"ttl", &CacheOptions::ttl},
      {"stale_for", &CacheOptions::stale_for},
      {"negative_ttl", &CacheOptions::negative_ttl},
      {"failure_throttle", &CacheOptions::failure_throttle},
      {"error_ttl", &CacheOptions::error_ttl},
      {"load_timeout", &CacheOptions::load_timeout},
      {"soft_timeout", &CacheOptions::soft_timeout},
      {"redis_timeout", &CacheOptions::redis_timeout}};
  for (const auto& [key, set] : kDurations) {
    if (const auto duration = duration_of(given[key])) (options.*set)(*duration);
  }
  as_cache(cache.ptr())->lookups = std::make_shared<Lookups>();
  options.loaders_without_redis(given["loaders_without_redis"].cast<std::size_t>());
  options.redis(given["redis"].cast<std::string>());
  const auto home = internal::make_cache(options, true);
  if (const Status status = internal::status(*home); !status.ok()) {
    raise(status.cause(), status.message());
    throw py::error_already_set();
  }
  as_cache(cache.ptr())->home = home;
}

CacheRefresh refresh_every(const py::object& cache, const py::object& key, const py::object& loader,
                           double period, const py::object& ttl, const py::object& stale_for) {
  if (is_shut_down()) raise(Cause::kClosed, "tidegate is shut down");
  if (PyErr_Occurred()) throw py::error_already_set();
  return internal::refresh_every(opened(cache), key_of(key), loader_of(loader),
                                 Duration(static_cast<std::int64_t>(period * 1e9)),
                                 lives(ttl, stale_for));
}

internal::OperationRef look_up(const py::object& cache, const py::object& key,
                               std::shared_ptr<internal::Loader> loader,
                               const LoadOptions& options) {
  std::string bytes = key_of(key);
  internal::CacheHome& home = opened(cache);
  auto& lookups = as_cache(cache.ptr())->lookups;
  if (!lookups->here()) lookups = std::make_shared<Lookups>();
  return internal::get_or_load(home, std::move(bytes), std::move(loader), options,
                               std::make_unique<HitPlace>(lookups));
}

py::object load(const py::object& cache, const py::object& key, const py::object& loader,
                const py::object& timeout, const py::object& deadline, const py::object& ttl,
                const py::object& stale_for, const py::object& soft_timeout) {
  Deadline outer;
  if (is_shut_down()) raise(Cause::kClosed, "tidegate is shut down");
  if (PyErr_Occurred() || !read_deadline(deadline.ptr(), outer)) throw py::error_already_set();
  LoadOptions options = lives(ttl, stale_for).deadline(outer);
  if (const auto soft = duration_of(soft_timeout)) options.soft_timeout(*soft);
  if (const auto bound = duration_of(timeout)) options.timeout(*bound);
  auto state = look_up(cache, key, loader_of(loader), options);
  return py::reinterpret_steal<py::object>(
      operation_of(cache.ptr(), std::move(state), options.deadline()));
}

// A query through the cache. `call` is what every submit() has: timeout, deadline, label, default.
py::object query(const py::object& cache, const py::object& database, const py::object& sql,
                 const py::object& params, const py::tuple& call, const py::object& ttl,
                 const py::object& stale_for) {
  CallOptions options;
  std::string text;
  Params given;
  if (!read_options(PySequence_Fast_ITEMS(call.ptr()), options) ||
      !read_text(sql.ptr(), "sql", text) || !read_params(params.ptr(), given)) {
    throw py::error_already_set();
  }
  const Database& db = database_of(database.ptr());
  const py::bytes key = db.key(text, given);
  Query asked = db.query(std::move(text), std::move(given));
  asked.label(options.label);
  auto state = look_up(cache, key, loader_of_query(std::move(asked)),
                       lives(ttl, stale_for).deadline(options.deadline));
  const auto owner = py::make_tuple(cache, database);
  return py::reinterpret_steal<py::object>(operation_of(
      owner.ptr(), std::move(state), options.deadline, options.label_object, options.default_));
}

}  // namespace

internal::CacheHome* home_of(PyObject* cache) {
  drop_what_waits();
  internal::CacheHome* const home = as_cache(cache)->home.get();
  if (!home) raise(Cause::kClosed, "the cache was never opened, or is being collected");
  return home;
}

PyObject* answer_hit(const CacheHit& hit) {
  PyObject* const value = static_cast<const PyValue*>(hit.value)->object();
  PyObject* const reason = hit.reason.ok() ? Py_NewRef(Py_None) : make_error(hit.reason);
  if (!value || !reason) {
    Py_XDECREF(reason);
    return nullptr;
  }
  PyObject* const made = make_answer({}, hit.timings, Py_NewRef(value));
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

void add_cache(py::module_& module) {
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
  add_type(module, spec);
  add_cache_load(module);
  module.def("encode_key", [](const py::object& value) { return py::bytes(key_of(value)); });
  module.def("cache_open", &open);
  module.def("cache_load", &load);
  module.def("cache_query", &query);
  py::class_<CacheRefresh>(module, "Refresh", plain_metaclass()).def("stop", &CacheRefresh::stop);
  module.def("cache_refresh_every", &refresh_every);
  module.def("cache_put",
             [](const py::object& cache, const py::object& key, const py::object& value,
                const py::object& ttl, const py::object& stale_for, std::size_t weight,
                const py::object& encoded) {
               const std::string bytes = key_of(key);
               return internal::put(opened(cache), bytes, new PyValue(value), weight,
                                    encoded_of(encoded), lives(ttl, stale_for));
             });
  module.def("cache_drop", [](const py::object& cache, const py::object& key, std::uint64_t version,
                              bool keeps_stale) {
    return internal::invalidate(opened(cache), key_of(key), version, keeps_stale);
  });
  module.def("cache_clear", [](const py::object& cache, bool keeps_stale) {
    internal::invalidate_all(opened(cache), keeps_stale);
  });
  module.def("cache_counts", [](const py::object& cache) {
    const CacheStats stats = internal::stats(opened(cache));
    const CacheStats::Tier& tier = stats.tier;
    return py::make_tuple(
        stats.hits, stats.stale_hits, stats.misses, stats.puts, stats.refused, stats.evicted,
        stats.expired, stats.entries, stats.bytes,
        py::make_tuple(tier.hits, tier.stale_hits, tier.misses, tier.stored, tier.refused,
                       tier.failed, tier.dropped, tier.invalidations_sent, tier.invalidations_heard,
                       tier.pending_stores, tier.pending_invalidations, tier.waiting_loads,
                       tier.up));
  });
}

}  // namespace tidegate::python
