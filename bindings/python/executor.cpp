// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "lane.hpp"
#include "tidegate/config.hpp"

namespace tidegate::python {

namespace {

PyObject* sqlite(py::object self, const std::string& path, const std::string& name, bool writable,
                 const Config& config, const std::string& service) {
  SqliteOptions options = service.empty() ? SqliteOptions::from(config)
                                          : SqliteOptions::from(Service::from(config, service));
  options.writable(writable);
  if (!name.empty()) options.name(name);
  return make_database(self.cast<Executor&>().sqlite(path, options), self.ptr());
}

PyObject* external(py::object self, const std::string& name, std::size_t concurrency) {
  return make_external(self.cast<Executor&>().external(name, concurrency), self.ptr());
}

}  // namespace

void add_executor(py::module_& module) {
  py::class_<Executor>(module, "Executor", plain_metaclass())
      .def(py::init([](const Config& config) {
        return std::make_unique<Executor>(ExecutorOptions::from(config));
      }))
      .def("sqlite",
           [](py::object self, const std::string& path, const std::string& name, bool writable,
              const Config& config, const std::string& service) {
             return py::reinterpret_steal<py::object>(
                 sqlite(std::move(self), path, name, writable, config, service));
           })
      .def("external",
           [](py::object self, const std::string& name, std::size_t concurrency) {
             return py::reinterpret_steal<py::object>(external(std::move(self), name, concurrency));
           })
      .def("close", &Executor::close);
}

}  // namespace tidegate::python
