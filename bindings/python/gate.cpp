// SPDX-License-Identifier: Apache-2.0
// The native half of the package's Gate.
#include "tidegate/gate.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "convert.hpp"
#include "gate.hpp"
#include "limiter.hpp"
#include "operation.hpp"
#include "share.hpp"

namespace tidegate::python {

void check_gate(const Gate& gate) {
  const Status status = gate.status();
  if (status.ok()) return;
  raise(status.cause(), status.message());
  throw py::error_already_set();
}

namespace {

// The breaker's settings are read of `config`, which is None where there is none.
py::object make_gate(const std::string& name, const py::tuple& rates, const py::object& pace,
                     const py::tuple& concurrency, std::size_t queue, double max_penalty,
                     const py::tuple& feedback, const py::tuple& shared, const py::object& config,
                     const std::string& service) {
  GateOptions options(name);
  LimiterOptions limits = shared_limits(shared);
  read_limits(limits, rates, pace);
  options.limits(limits);
  // One number, or the least, the first and the most.
  if (concurrency.size() == 3) {
    options.adaptive_concurrency(concurrency[0].cast<std::size_t>(),
                                 concurrency[1].cast<std::size_t>(),
                                 concurrency[2].cast<std::size_t>());
  } else {
    options.concurrency(concurrency[0].cast<std::size_t>());
  }
  options.queue(queue).max_penalty(span_of(max_penalty));
  options.adaptive_rate(feedback[0].cast<bool>()).rate_limit_fields(feedback[1].cast<bool>());
  if (!config.is_none()) {
    const auto& settings = config.cast<const Config&>();
    const BreakerOptions breaker = service.empty()
                                       ? BreakerOptions::from(settings)
                                       : BreakerOptions::from(Service::from(settings, service));
    options.breaker(BreakerOptions(breaker).name(name));
  }
  Gate gate(options);
  check_gate(gate);
  return py::cast(std::move(gate));
}

// That of the service, or None.
py::object gate_of_service(const Config& config, const std::string& service) {
  std::optional<Gate> gate = Gate::of(Service::from(config, service));
  if (!gate) return py::none();
  check_gate(*gate);
  return py::cast(*std::move(gate));
}

py::object named_gate(const Config& config, const std::string& service) {
  Gate gate = Gate::named(config, service);
  check_gate(gate);
  return py::cast(std::move(gate));
}

// A permit, or the cause of the refusal, its words and how long to wait.
py::object try_gate(const Gate& self) {
  const bool asks = self.options().limits.values().share == Share::kRedis;
  GatePermit permit = waiting_for_redis(asks, [&] { return self.try_enter(); });
  if (permit) return py::cast(std::move(permit));
  const Status refusal = self.refusal(permit);
  return py::make_tuple(static_cast<int>(permit.cause()),
                        py::reinterpret_steal<py::str>(to_str(refusal.message())),
                        seconds_of(permit.retry_after()));
}

// acquire(priority, deadline, gate) -> Operation, whose value is gate._permit(native permit);
// infinity is no deadline.
py::object acquire_permit(const Gate& self, int priority, double deadline, const py::object& gate) {
  const auto acquired =
      self.acquire(deadline_at(deadline), static_cast<GatePriority>(std::clamp(priority, 0, 2)));
  PyObject* const operation = make_operation({.state = acquired.state(),
                                              .yield = Yield::kPermit,
                                              .deadline = deadline,
                                              .owner = gate.ptr(),
                                              .label = names.empty,
                                              .default_ = hooks.missing,
                                              .call = Py_None});
  if (!operation) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(operation);
}

py::tuple gate_stats(const Gate& self) {
  const GateStats stats = self.stats();
  py::object breaker = py::none();
  if (stats.breaker) breaker = breaker_stats(*stats.breaker);
  return py::make_tuple(stats.granted, stats.refused, stats.circuit_open, stats.penalties,
                        stats.waiting, stats.inside, stats.concurrency, breaker, stats.rate);
}

void time_gate_permit(GatePermit& self, double timeout, double took) {
  self.timed(span_within_a_day(timeout), span_within_a_day(took));
}

void end_gate_with_http_status(GatePermit& self, int status, const py::object& retry_after) {
  std::optional<Duration> told;
  if (!retry_after.is_none()) {
    const auto seconds = retry_after.cast<double>();
    if (seconds >= 0) told = span_within_a_day(seconds);
  }
  self.http_status(status, told);
}

void penalize_gate(const Gate& self, double seconds) { self.penalize(span_within_a_day(seconds)); }

}  // namespace

PyObject* answer_permit(OperationObject* self, GatePermit granted) {
  return guarded([&]() -> PyObject* {
    const py::object native = py::cast(std::move(granted));
    PyObject* const permit = PyObject_CallMethod(self->owner, "_permit", "O", native.ptr());
    return permit ? make_answer({}, Timings(), permit) : nullptr;
  });
}

void add_gate(py::module_& module) {
  py::class_<GatePermit>(module, "GatePermit", plain_metaclass())
      .def_property_readonly("waited",
                             [](const GatePermit& self) { return seconds_of(self.waited()); })
      .def("ended", [](GatePermit& self, int cause) { self.failure(static_cast<Cause>(cause)); })
      .def("timed", &time_gate_permit)
      .def("ended_with_http_status", &end_gate_with_http_status, py::arg(), py::arg() = py::none())
      .def("ended_with_answer", [](GatePermit& self, int status, const py::sequence& fields) {
        self.answered(status, headers_of(fields));
      });
  py::class_<Gate>(module, "Gate", plain_metaclass())
      .def("try_enter", &try_gate)
      .def("acquire", &acquire_permit)
      .def("penalize", &penalize_gate)
      .def("force", [](const Gate& self, int mode) { self.force(static_cast<BreakerMode>(mode)); })
      .def("stats", &gate_stats)
      // The same for all copies, and for what Gate::of() gives for the same settings.
      .def_property_readonly("key", [](const Gate& self) {
        return reinterpret_cast<std::uintptr_t>(self.handle().get());
      });
  module.def("make_gate", &make_gate);
  module.def("gate_of_service", &gate_of_service);
  module.def("named_gate", &named_gate);
}

}  // namespace tidegate::python
