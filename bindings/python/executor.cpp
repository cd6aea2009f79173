// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>
#include <utility>

#include "gate.hpp"
#include "lane.hpp"
#include "tidegate/config.hpp"

namespace tidegate::python {

namespace {

std::optional<Gate> given_gate(const py::object& gate) {
  return gate.is_none() ? std::nullopt : std::optional<Gate>(gate.cast<Gate>());
}

std::unique_ptr<Executor> make_executor(const Config& config, const py::object& gate) {
  ExecutorOptions options = ExecutorOptions::from(config);
  if (auto given = given_gate(gate)) options.gate(*std::move(given));
  if (options.values().gate) check_gate(*options.values().gate);
  return std::make_unique<Executor>(options);
}

py::object sqlite(const py::object& self, const std::string& path, const std::string& name,
                  bool writable, const Config& config, const std::string& service,
                  const py::object& gate) {
  SqliteOptions options = service.empty() ? SqliteOptions::from(config)
                                          : SqliteOptions::from(Service::from(config, service));
  options.writable(writable);
  if (!name.empty()) options.name(name);
  if (auto given = given_gate(gate)) options.gate(*std::move(given));
  if (options.values().gate) check_gate(*options.values().gate);
  return py::reinterpret_steal<py::object>(
      make_database(self.cast<Executor&>().sqlite(path, options), self.ptr()));
}

py::object external(const py::object& self, const std::string& name, std::size_t concurrency,
                    const py::object& gate) {
  return py::reinterpret_steal<py::object>(make_external(
      self.cast<Executor&>().external(name, concurrency, given_gate(gate)), self.ptr()));
}

}  // namespace

void add_executor(py::module_& module) {
  py::class_<Executor>(module, "Executor", plain_metaclass())
      .def(py::init(&make_executor))
      .def("sqlite", &sqlite)
      .def("external", &external)
      .def("close", &Executor::close);
}

}  // namespace tidegate::python
