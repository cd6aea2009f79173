// SPDX-License-Identifier: Apache-2.0
// Failures cross as (cause, message); None is success.
#include "tidegate/config.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "convert.hpp"
#include "tidegate/lint.hpp"
#include "tidegate/log.hpp"
#include "tidegate/share.hpp"

namespace tidegate::python {

namespace {

py::object outcome(const Status& status) {
  if (status.ok()) return py::none();
  return py::make_tuple(static_cast<int>(status.cause()), py::str(std::string(status.message())));
}

py::str text_of(std::string_view text) { return py::reinterpret_steal<py::str>(to_str(text)); }

template <class Settings>
py::object read_key(const Settings& settings, const std::string& key, KeyType type) {
  switch (type) {
    case KeyType::kDuration: return py::float_(seconds_of(settings.duration(key)));
    case KeyType::kInteger: return py::int_(settings.integer(key));
    case KeyType::kBoolean: return py::bool_(settings.boolean(key));
    case KeyType::kNumber: return py::float_(settings.number(key));
    case KeyType::kString: return text_of(settings.text(key));
  }
  return py::none();
}

// The value of a known key, as a named service sees it if `service` is not empty; else None.
py::object get_key(const Config& config, const std::string& key, const std::string& service) {
  const auto keys = config.keys();
  const auto known = std::ranges::find(keys, key, &KeyInfo::key);
  if (known == keys.end()) return py::none();
  if (service.empty()) return read_key(config, key, known->type);
  return read_key(Service::from(config, service), key, known->type);
}

py::list list_keys(const Config& config) {
  py::list rows;
  for (const KeyInfo& info : config.keys()) {
    rows.append(py::make_tuple(text_of(info.key), text_of(key_type_name(info.type)),
                               text_of(info.default_text), text_of(info.min), text_of(info.max),
                               info.per_service, text_of(info.help)));
  }
  return rows;
}

// (rule, refuses, service, text) each. `workers` 0: as many as are expected.
py::list lint_settings(const Config& config, std::size_t workers) {
  py::list findings;
  for (const Finding& found : lint(config, workers ? workers : expected_workers())) {
    findings.append(py::make_tuple(text_of(found.rule), found.refuses, text_of(found.service),
                                   text_of(found.text)));
  }
  return findings;
}

}  // namespace

void add_config(py::module_& module) {
  py::class_<Config>(module, "Config", plain_metaclass())
      .def(py::init<>())
      .def("copy", [](const Config& self) { return Config(self); })
      .def("begin_layer", &Config::begin_layer)
      .def("lint", &lint_settings)
      .def("set", [](Config& self, const std::string& key,
                     const std::string& value) { return outcome(self.set(key, value)); })
      .def("load_json",
           [](Config& self, const std::string& text) { return outcome(self.load_json(text)); })
      .def("load_file",
           [](Config& self, const std::string& path) { return outcome(self.load_file(path)); })
      .def("load_env",
           [](Config& self, const std::string& prefix) { return outcome(self.load_env(prefix)); })
      .def("get", &get_key)
      .def("keys", &list_keys)
      .def("services",
           [](const Config& self) {
             py::list names_of;
             for (const std::string& name : self.services()) names_of.append(text_of(name));
             return names_of;
           })
      .def("to_json", [](const Config& self) { return text_of(self.to_json()); });
  module.def("expect_workers", &expect_workers);
  module.def("expected_workers", &expected_workers);
  module.def("warn_once", [](const std::string& rule, const std::string& name,
                             const std::string& text) { internal::warn_once(rule, name, text); });
}

}  // namespace tidegate::python
