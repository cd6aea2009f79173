// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>

#include "convert.hpp"
#include "tidegate/retry.hpp"

namespace tidegate::python {

namespace {

Duration time_of(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

// The pause before the next attempt, or None; and the line of this one. Below zero, `asked` and
// `deadline` are none.
py::tuple next_attempt(Retries& self, int attempt, const std::string& what, double took,
                       double asked, double now, double deadline) {
  const auto next =
      self.failed(attempt, what, time_of(took),
                  asked < 0 ? std::nullopt : std::optional(time_of(asked)), TimePoint(time_of(now)),
                  deadline < 0 ? Deadline::never() : Deadline::at(TimePoint(time_of(deadline))));
  py::object pause = py::none();
  if (next.again) pause = py::float_(seconds_of(next.pause));
  return py::make_tuple(pause, py::reinterpret_steal<py::str>(to_str(next.line)));
}

}  // namespace

void add_retries(py::module_& module) {
  py::class_<Retries>(module, "Retries", plain_metaclass())
      .def(py::init([](const Config& config) { return Retries(RetryPolicy::from(config)); }))
      .def_static("asked",
                  [](const std::string& retry_after, const std::string& retry_after_ms) {
                    const auto asked = Retries::asked(retry_after, retry_after_ms);
                    return asked ? seconds_of(*asked) : -1.0;
                  })
      .def("call", &Retries::call)
      .def("failed", &next_attempt);
}

}  // namespace tidegate::python
