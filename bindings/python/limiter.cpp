// SPDX-License-Identifier: Apache-2.0
// The native half of the package's Limiter. What is granted at once is one call of C, and makes
// nothing: acquire() gives the same operation each time, and a block's awaitables are one. What has
// to wait, or was given in an unusual form, is done by the package's `_acquire` and its like.
#include "limiter.hpp"

#include <algorithm>
#include <limits>
#include <new>

#include "operation.hpp"
#include "share.hpp"

namespace tidegate::python {

namespace {

struct LimiterObject {
  PyObject_HEAD bool asks;  // Redis, for each start
  Limiter limiter;
};

LimiterObject* as_limiter(PyObject* object) { return reinterpret_cast<LimiterObject*>(object); }

// A start that never had to wait.
class Granted final : public internal::OperationState {
 public:
  Granted() {
    claim();
    publish();
  }
  void cancel() noexcept override {}
  const void* result() const noexcept override { return &waited_; }

 private:
  const Result<Duration> waited_{Duration::zero()};
};

}  // namespace

PyObject* granted() {
  static PyObject* made = nullptr;
  if (made) return made;
  constexpr double kNever = std::numeric_limits<double>::infinity();
  return made = make_turn(Operation<Duration>(internal::OperationRef::adopt(new Granted)), kNever,
                          Py_None);
}

PyObject* make_turn(const Operation<Duration>& turn, double deadline, PyObject* owner) {
  return make_operation({.state = turn.state(),
                         .yield = Yield::kTurn,
                         .deadline = deadline,
                         .owner = owner,
                         .label = names.empty,
                         .default_ = hooks.missing,
                         .call = Py_None});
}

Duration span_of(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

Duration span_within_a_day(double seconds) {
  return seconds > 0 ? span_of(std::min(seconds, 86'400.0)) : Duration::zero();
}

Deadline deadline_at(double seconds) {
  constexpr double kNever = 9e9;
  return seconds < kNever ? Deadline::at(TimePoint(span_of(seconds))) : Deadline::never();
}

void read_limits(LimiterOptions& options, py::handle rates, py::handle pace) {
  for (const py::handle each : rates.cast<py::tuple>()) {
    const auto rate = each.cast<py::tuple>();
    const auto permits = rate[0].cast<std::uint64_t>();
    const Duration per = span_of(rate[1].cast<double>());
    const auto burst = rate[2].cast<std::uint32_t>();
    rate[3].cast<bool>() ? options.strict(permits, per, burst) : options.rate(permits, per, burst);
  }
  if (pace.is_none()) return;
  const auto given = pace.cast<py::tuple>();
  options.pace(span_of(given[0].cast<double>()), span_of(given[1].cast<double>()));
  options.pause_every(given[2].cast<std::uint32_t>(), span_of(given[3].cast<double>()),
                      span_of(given[4].cast<double>()));
}

bool read_weight(PyObject* const* arguments, Py_ssize_t count, std::uint32_t& weight) {
  weight = 1;
  if (count == 0) return true;
  if (count > 1) return raise(Cause::kBadArgument, "try_acquire() takes one weight") != nullptr;
  const long given = PyLong_AsLong(arguments[0]);
  if (PyErr_Occurred()) return false;
  constexpr long kMost = std::numeric_limits<std::int32_t>::max();
  weight = given < 1 || given > kMost ? 0 : static_cast<std::uint32_t>(given);
  return true;
}

namespace {

PyObject* raise_status(const Status& status) { return raise(status.cause(), status.message()); }

// Limiter(name, rates, pace, queue, shared), the limits as read_limits() takes them.
PyObject* new_limiter(PyTypeObject* type, PyObject* arguments, PyObject*) {
  return guarded([&]() -> PyObject* {
    const auto given = py::reinterpret_borrow<py::tuple>(arguments);
    LimiterOptions options = shared_limits(given[4].cast<py::tuple>());
    options.name(given[0].cast<std::string>()).queue(given[3].cast<std::size_t>());
    read_limits(options, given[1], given[2]);
    Limiter made(options);
    if (const Status status = made.status(); !status.ok()) return raise_status(status);
    PyObject* const object = type->tp_alloc(type, 0);
    if (!object) return nullptr;
    as_limiter(object)->asks = options.values().share == Share::kRedis;
    new (&as_limiter(object)->limiter) Limiter(std::move(made));
    return object;
  });
}

void drop_limiter(PyObject* object) {
  as_limiter(object)->limiter.~Limiter();
  free_object(object);
}

// True or False. Raises for a weight beyond the burst.
PyObject* try_limiter(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    std::uint32_t weight = 1;
    if (!read_weight(arguments, count, weight)) return nullptr;
    const LimiterObject& self = *as_limiter(object);
    const Verdict verdict =
        waiting_for_redis(self.asks, [&] { return self.limiter.try_acquire(weight); });
    if (verdict) Py_RETURN_TRUE;
    if (verdict.retry_after() != Duration::max()) Py_RETURN_FALSE;
    return raise_status(as_limiter(object)->limiter.reserve(Duration::zero(), weight).status());
  });
}

// _start(weight, deadline) -> Operation; infinity is no deadline.
PyObject* begin_acquire(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 2) return raise(Cause::kBadArgument, "_start() takes two arguments");
  return guarded([&]() -> PyObject* {
    std::uint32_t weight = 1;
    if (!read_weight(arguments, 1, weight)) return nullptr;
    const double deadline = PyFloat_AsDouble(arguments[1]);
    if (PyErr_Occurred()) return nullptr;
    return make_turn(as_limiter(object)->limiter.acquire(deadline_at(deadline), weight), deadline,
                     object);
  });
}

// A number of seconds as it is, or None: what nobody has to look at again.
bool is_plain_timeout(PyObject* given) {
  if (given == Py_None) return true;
  if (!PyFloat_CheckExact(given) && !PyLong_CheckExact(given)) return false;
  const double seconds = PyFloat_AsDouble(given);
  PyErr_Clear();  // an integer beyond all bounds
  constexpr double kDay = 86'400;
  return seconds >= 0 && seconds <= kDay;
}

// A weight and a timeout such as nearly everybody gives.
bool is_plain(PyObject* const* arguments, Py_ssize_t count, PyObject* keywords) {
  if (count > 1 || (count == 1 && !PyLong_CheckExact(arguments[0]))) return false;
  if (!keywords) return true;
  return PyTuple_GET_SIZE(keywords) == 1 && PyTuple_GET_ITEM(keywords, 0) == names.timeout &&
         is_plain_timeout(arguments[count]);
}

// False with or without an exception where it has to wait.
bool start_now(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  std::uint32_t weight = 1;
  return read_weight(arguments, count, weight) &&
         internal::start_now(as_limiter(object)->limiter, weight);
}

// acquire(weight=1, *, timeout=None) -> Operation
PyObject* acquire_limiter(PyObject* object, PyObject* const* arguments, Py_ssize_t count,
                          PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    if (is_plain(arguments, count, keywords) && start_now(object, arguments, count)) {
      return Py_XNewRef(granted());
    }
    if (PyErr_Occurred()) return nullptr;
    PyObject* const later = PyObject_GetAttr(object, names.acquire);
    if (!later) return nullptr;
    PyObject* const made =
        PyObject_Vectorcall(later, arguments, static_cast<std::size_t>(count), keywords);
    Py_DECREF(later);
    return made;
  });
}

PyObject* enter_block(PyObject* object, PyObject*) {
  return guarded([&]() -> PyObject* {
    if (start_now(object, nullptr, 0)) Py_RETURN_NONE;
    return PyObject_CallMethodNoArgs(object, names.enter);
  });
}

PyObject* enter_block_async(PyObject* object, PyObject*) {
  return guarded([&]() -> PyObject* {
    if (start_now(object, nullptr, 0)) return ready_none();
    return PyObject_CallMethodNoArgs(object, names.enter_async);
  });
}

PyObject* leave_block(PyObject*, PyObject* const*, Py_ssize_t) { Py_RETURN_NONE; }
PyObject* leave_block_async(PyObject*, PyObject* const*, Py_ssize_t) { return ready_none(); }

PyObject* get_counts(PyObject* object, void*) {
  return guarded([&]() -> PyObject* {
    const LimiterStats stats = as_limiter(object)->limiter.stats();
    return py::make_tuple(stats.granted, stats.refused, stats.lost, stats.penalties, stats.waiting,
                          stats.redis_decisions, stats.redis_failures)
        .release()
        .ptr();
  });
}

// _reserve(weight, most_wait) -> Reservation, or after how many seconds there would be one.
PyObject* reserve_start(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 2) return raise(Cause::kBadArgument, "_reserve() takes two arguments");
  return guarded([&]() -> PyObject* {
    std::uint32_t weight = 1;
    if (!read_weight(arguments, 1, weight)) return nullptr;
    const double most = PyFloat_AsDouble(arguments[1]);
    if (PyErr_Occurred()) return nullptr;
    const LimiterObject& self = *as_limiter(object);
    Reservation booked =
        waiting_for_redis(self.asks, [&] { return self.limiter.reserve(span_of(most), weight); });
    if (booked) return py::cast(std::move(booked)).release().ptr();
    const Status refusal = booked.status();
    if (refusal.cause() != Cause::kRateLimited) return raise_status(refusal);
    return PyFloat_FromDouble(seconds_of(booked.retry_after()));
  });
}

PyObject* penalize_limiter(PyObject* object, PyObject* seconds) {
  return guarded([&]() -> PyObject* {
    const double time = PyFloat_AsDouble(seconds);
    if (PyErr_Occurred()) return nullptr;
    if (time > 0) as_limiter(object)->limiter.penalize(span_of(std::min(time, 86400.0)));
    Py_RETURN_NONE;
  });
}

constexpr char kAcquireDoc[] = R"(acquire($self, /, weight=1, *, timeout=None)
--

Waits for the turn of a start of ``weight`` permits; its value is how long that took.

Args:
    weight: Permits that it takes together; at most the burst.
    timeout: How long it may wait. Where its turn would come later it is refused at once.
        Inside a page its deadline counts too.

Returns:
    An operation: ``await`` it, or ``.result()``. It fails with ``RateLimited``. Those that had
    their turn at once are one and the same.
)";

PyMethodDef kLimiterMethods[] = {
    {"try_acquire", fastcall(try_limiter), METH_FASTCALL,
     "try_acquire(weight=1): whether it may start now. False costs nothing. Never waits, but for "
     "the answer of Redis where it shares through it."},
    {"acquire", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(acquire_limiter)),
     METH_FASTCALL | METH_KEYWORDS, kAcquireDoc},
    {"_start", fastcall(begin_acquire), METH_FASTCALL, nullptr},
    {"_reserve", fastcall(reserve_start), METH_FASTCALL, nullptr},
    {"penalize", penalize_limiter, METH_O,
     "penalize(seconds): nothing starts for so long, an hour at the most, and then one at a time."},
    {"__enter__", enter_block, METH_NOARGS, nullptr},
    {"__exit__", fastcall(leave_block), METH_FASTCALL, nullptr},
    {"__aenter__", enter_block_async, METH_NOARGS, nullptr},
    {"__aexit__", fastcall(leave_block_async), METH_FASTCALL, nullptr},
    {},
};
PyGetSetDef kLimiterGetSet[] = {{"_counts", get_counts, nullptr, nullptr, nullptr}, {}};

}  // namespace

void add_limiter(py::module_& module) {
  static PyType_Slot slots[] = {
      {Py_tp_new, reinterpret_cast<void*>(&new_limiter)},
      {Py_tp_dealloc, reinterpret_cast<void*>(&drop_limiter)},
      {Py_tp_methods, kLimiterMethods},
      {Py_tp_getset, kLimiterGetSet},
      {0, nullptr},
  };
  static PyType_Spec spec = {"tidegate._core.Limiter", sizeof(LimiterObject), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  add_type(module, spec);
  py::class_<Reservation>(module, "Reservation", plain_metaclass())
      .def_property_readonly(
          "start",
          [](const Reservation& self) { return seconds_of(self.start().time_since_epoch()); })
      .def("cancel", &Reservation::cancel);
}

}  // namespace tidegate::python
