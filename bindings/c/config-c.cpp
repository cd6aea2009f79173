// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <charconv>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "guard.hpp"
#include "objects.hpp"
#include "tidegate/lint.hpp"
#include "tidegate/share.hpp"

namespace tidegate::c {
namespace {

constexpr char kConfigType[] = "tidegate_config";

Status set_key(tidegate_config* handle, const char* key, std::string_view value) {
  const Pin config(handle);
  if (!config) return no_handle(handle, kConfigType);
  if (!key) return bad_argument("the key is NULL");
  return config->config.set(key, value);
}

// A text as its type wants it, whatever the caller's type was.
std::string text_of(double value) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

struct ServiceKey {
  std::string_view service;
  std::string_view key;
};

// "services.<name>.<key>" in two; empty for another key.
std::optional<ServiceKey> service_key(std::string_view key) {
  constexpr std::string_view kPrefix = "services.";
  if (!key.starts_with(kPrefix)) return std::nullopt;
  const std::string_view rest = key.substr(kPrefix.size());
  const std::size_t dot = rest.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  return ServiceKey{rest.substr(0, dot), rest.substr(dot + 1)};
}

// `read(source, key)` of the config or of one of its services.
template <class T, class Read>
Status get_key(const tidegate_config* handle, const char* key, T* value, Read read) {
  if (!value) return bad_argument("there is no place for the value: it is NULL");
  *value = T();
  const Pin config(handle);
  if (!config) return no_handle(handle, kConfigType);
  if (!key) return bad_argument("the key is NULL");
  try {
    const auto named = service_key(key);
    *value = named ? read(Service::from(config->config, named->service), named->key)
                   : read(config->config, std::string_view(key));
  } catch (const std::logic_error& error) {
    return Status(Cause::kConfig, error.what());
  }
  return Status();
}

}  // namespace
}  // namespace tidegate::c

using namespace tidegate;     // NOLINT(google-build-using-namespace)
using namespace tidegate::c;  // NOLINT(google-build-using-namespace)

tidegate_status tidegate_config_create(tidegate_config** config, tidegate_error** err) {
  return guard(err, [&] {
    Status ready = clear(config);
    return ready.ok() ? give(config, std::make_unique<ConfigObject>()) : ready;
  });
}

void tidegate_config_destroy(tidegate_config* config) { give_back(config); }

tidegate_status tidegate_config_set(tidegate_config* config, const char* key, const char* value,
                                    tidegate_error** err) {
  return guard(err, [&] {
    if (!value) return bad_argument("the value is NULL");
    return set_key(config, key, value);
  });
}

tidegate_status tidegate_config_set_int64(tidegate_config* config, const char* key, int64_t value,
                                          tidegate_error** err) {
  return guard(err, [&] { return set_key(config, key, std::to_string(value)); });
}

tidegate_status tidegate_config_set_double(tidegate_config* config, const char* key, double value,
                                           tidegate_error** err) {
  return guard(err, [&] { return set_key(config, key, text_of(value)); });
}

tidegate_status tidegate_config_set_bool(tidegate_config* config, const char* key, int value,
                                         tidegate_error** err) {
  return guard(err, [&] { return set_key(config, key, value ? "true" : "false"); });
}

tidegate_status tidegate_config_set_duration_ms(tidegate_config* config, const char* key,
                                                int64_t value_ms, tidegate_error** err) {
  return guard(err, [&] { return set_key(config, key, std::to_string(value_ms) + "ms"); });
}

tidegate_status tidegate_config_get_int64(const tidegate_config* config, const char* key,
                                          int64_t* value, tidegate_error** err) {
  return guard(err, [&] {
    return get_key(config, key, value,
                   [](const auto& from, auto name) { return from.integer(name); });
  });
}

tidegate_status tidegate_config_get_double(const tidegate_config* config, const char* key,
                                           double* value, tidegate_error** err) {
  return guard(err, [&] {
    return get_key(config, key, value,
                   [](const auto& from, auto name) { return from.number(name); });
  });
}

tidegate_status tidegate_config_get_bool(const tidegate_config* config, const char* key, int* value,
                                         tidegate_error** err) {
  return guard(err, [&] {
    return get_key(config, key, value,
                   [](const auto& from, auto name) { return from.boolean(name) ? 1 : 0; });
  });
}

tidegate_status tidegate_config_get_duration_ms(const tidegate_config* config, const char* key,
                                                int64_t* value_ms, tidegate_error** err) {
  return guard(err, [&] {
    return get_key(config, key, value_ms,
                   [](const auto& from, auto name) { return to_ms(from.duration(name)); });
  });
}

tidegate_status tidegate_config_get_text(const tidegate_config* config, const char* key,
                                         tidegate_bytes** value, tidegate_error** err) {
  return guard(err, [&] {
    Status status = clear(value);
    std::string text;
    if (status.ok()) {
      status =
          get_key(config, key, &text, [](const auto& from, auto name) { return from.text(name); });
    }
    if (!status.ok()) return status;
    return give(value, std::make_unique<BytesObject>(std::move(text)));
  });
}

tidegate_status tidegate_config_load_json(tidegate_config* handle, const char* json,
                                          tidegate_error** err) {
  return guard(err, [&] {
    const Pin config(handle);
    if (!config) return no_handle(handle, kConfigType);
    return json ? config->config.load_json(json) : bad_argument("the JSON is NULL");
  });
}

tidegate_status tidegate_config_load_file(tidegate_config* handle, const char* path,
                                          tidegate_error** err) {
  return guard(err, [&] {
    const Pin config(handle);
    if (!config) return no_handle(handle, kConfigType);
    return path ? config->config.load_file(path) : bad_argument("the path is NULL");
  });
}

tidegate_status tidegate_config_load_env(tidegate_config* handle, const char* prefix,
                                         tidegate_error** err) {
  return guard(err, [&] {
    const Pin config(handle);
    if (!config) return no_handle(handle, kConfigType);
    return prefix ? config->config.load_env(prefix) : config->config.load_env();
  });
}

tidegate_status tidegate_config_to_json(const tidegate_config* handle, tidegate_bytes** json,
                                        tidegate_error** err) {
  return guard(err, [&] {
    Status ready = clear(json);
    if (!ready.ok()) return ready;
    const Pin config(handle);
    if (!config) return no_handle(handle, kConfigType);
    return give(json, std::make_unique<BytesObject>(config->config.to_json()));
  });
}

tidegate_status tidegate_config_lint(const tidegate_config* handle, size_t workers,
                                     tidegate_bytes** findings, size_t* refused,
                                     tidegate_error** err) {
  return guard(err, [&] {
    if (refused) *refused = 0;
    Status ready = clear(findings);
    if (!ready.ok()) return ready;
    const Pin config(handle);
    if (!config) return no_handle(handle, kConfigType);
    std::string lines;
    std::size_t count = 0;
    for (const Finding& found : lint(config->config, workers ? workers : expected_workers())) {
      if (found.refuses) ++count;
      lines.append(found.refuses ? "refused: " : "warning: ").append(found.to_string()) += '\n';
    }
    Status given = give(findings, std::make_unique<BytesObject>(std::move(lines)));
    if (given.ok() && refused) *refused = count;
    return given;
  });
}

void tidegate_expect_workers(size_t count) { expect_workers(count); }
