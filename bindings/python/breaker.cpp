// SPDX-License-Identifier: Apache-2.0
#include "tidegate/breaker.hpp"

#include <string>
#include <utility>

#include "convert.hpp"

namespace tidegate::python {

namespace {

Breaker make_breaker(const Config& config, const std::string& service, const std::string& name) {
  BreakerOptions options = service.empty() ? BreakerOptions::from(config)
                                           : BreakerOptions::from(Service::from(config, service));
  return Breaker(options.name(name));
}

// A permit, or how long to wait.
py::object try_enter(Breaker& self) {
  BreakerPermit permit = self.try_enter();
  if (permit) return py::cast(std::move(permit));
  return py::float_(seconds_of(permit.retry_after()));
}

py::str refusal(const Breaker& self, double retry_after) {
  const auto wait =
      std::chrono::duration_cast<Duration>(std::chrono::duration<double>(retry_after));
  return py::reinterpret_steal<py::str>(to_str(self.refusal(wait).message()));
}

py::tuple stats_of(const Breaker& self) {
  const BreakerStats stats = self.stats();
  return py::make_tuple(breaker_state_name(stats.state), static_cast<int>(stats.mode),
                        seconds_of(stats.retry_after), stats.calls, stats.failures, stats.slow,
                        stats.probing);
}

}  // namespace

void add_breaker(py::module_& module) {
  py::class_<BreakerPermit>(module, "BreakerPermit", plain_metaclass())
      .def("ended", [](BreakerPermit& self, int cause) { self.failure(static_cast<Cause>(cause)); })
      .def("ended_with_http_status", &BreakerPermit::http_status);
  py::class_<Breaker>(module, "Breaker", plain_metaclass())
      .def(py::init(&make_breaker))
      .def("try_enter", &try_enter)
      .def("refusal", &refusal)
      .def("stats", &stats_of)
      .def("force", [](Breaker& self, int mode) { self.force(static_cast<BreakerMode>(mode)); });
}

}  // namespace tidegate::python
