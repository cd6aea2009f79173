// SPDX-License-Identifier: Apache-2.0

#include "tidegate/config.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "base/config_keys.hpp"
#include "base/config_state.hpp"

namespace tidegate {

using internal::ConfigState;
using internal::ConfigValue;

namespace {

[[noreturn]] void wrong_use(std::string_view key, std::string_view why) {
  throw std::logic_error("setting '" + std::string(key) + "' " + std::string(why));
}

int nearness_of(const ConfigState& state, std::string_view service, std::string_view key) {
  const ConfigValue* value = state.value(service, key);
  if (value == nullptr) wrong_use(key, "does not exist");
  return value->nearness;
}

template <class T>
const T& get(const ConfigState& state, std::string_view service, std::string_view key) {
  const ConfigValue* value = state.value(service, key);
  if (value == nullptr) wrong_use(key, "does not exist");
  const T* typed = std::get_if<T>(&value->value);
  if (typed == nullptr) {
    const auto type = static_cast<KeyType>(value->value.index());
    wrong_use(key, "is read as another type than " + std::string(key_type_name(type)));
  }
  return *typed;
}

bool is_well_formed(std::string_view key) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  };
  return !key.empty() && key.front() != '.' && key.back() != '.' &&
         key.find("..") == std::string_view::npos && key.find("__") == std::string_view::npos &&
         std::all_of(key.begin(), key.end(), allowed) && !key.starts_with("services.") &&
         key != "services";
}

void check_row(const KeyInfo& info) {
  if (!is_well_formed(info.key)) wrong_use(info.key, "is no well-formed key");
  KeyInfo without_range = info;
  without_range.min = without_range.max = {};
  for (std::string_view bound : {info.min, info.max}) {
    if (!bound.empty() && !internal::read_value(without_range, info.key, bound).ok()) {
      wrong_use(info.key, "has a bound that is none");
    }
  }
}

}  // namespace

std::string_view key_type_name(KeyType type) noexcept {
  constexpr std::array<std::string_view, 5> kNames = {"duration", "integer", "boolean", "number",
                                                      "string"};
  const auto index = static_cast<std::size_t>(type);
  return index < kNames.size() ? kNames[index] : "unknown";
}

Config::Config() : Config(std::span<const KeyInfo>()) {}

Config::Config(std::span<const KeyInfo> more_keys) {
  const auto own = internal::library_keys();
  auto keys = std::make_shared<std::vector<KeyInfo>>(own.begin(), own.end());
  keys->insert(keys->end(), more_keys.begin(), more_keys.end());
  auto state = std::make_shared<ConfigState>();
  state->keys = keys;
  for (const KeyInfo& info : *keys) {
    check_row(info);
    if (state->values.contains(info.key)) wrong_use(info.key, "is in the table twice");
    const Status status = state->assign(info.key, info.default_text);
    if (!status.ok()) wrong_use(info.key, "has a bad default: " + std::string(status.message()));
    state->values.find(info.key)->second.nearness = 0;
  }
  state_ = std::move(state);
}

Status Config::set(std::string_view key, std::string_view value) {
  auto changed = std::make_shared<ConfigState>(*state_);
  Status status = changed->assign(key, value);
  if (status.ok()) state_ = std::move(changed);
  return status;
}

void Config::begin_layer() {
  auto changed = std::make_shared<ConfigState>(*state_);
  ++changed->layer;
  state_ = std::move(changed);
}

int Config::nearness(std::string_view key) const { return nearness_of(*state_, {}, key); }
int Service::nearness(std::string_view key) const { return nearness_of(*state_, name_, key); }

std::span<const KeyInfo> Config::keys() const& noexcept { return *state_->keys; }

std::vector<std::string> Config::services() const {
  std::vector<std::string> names;
  for (const auto& [name, values] : state_->services) names.push_back(name);
  return names;
}

Duration Config::duration(std::string_view key) const { return get<Duration>(*state_, {}, key); }
std::int64_t Config::integer(std::string_view key) const {
  return get<std::int64_t>(*state_, {}, key);
}
bool Config::boolean(std::string_view key) const { return get<bool>(*state_, {}, key); }
double Config::number(std::string_view key) const { return get<double>(*state_, {}, key); }
std::string Config::text(std::string_view key) const { return get<std::string>(*state_, {}, key); }

Service::Service(std::shared_ptr<const internal::ConfigState> state, std::string_view name)
    : state_(std::move(state)), name_(name) {
  if (internal::is_service_name(name)) return;
  throw std::logic_error("service name '" + name_ + "' is not 1 to 64 of a-z, 0-9 and _");
}

Service Service::from(const Config& config, std::string_view name) {
  return Service(config.state_, name);
}
Service Service::from(const Service& other, std::string_view name) {
  return Service(other.state_, name);
}

Duration Service::duration(std::string_view key) const {
  return get<Duration>(*state_, name_, key);
}
std::int64_t Service::integer(std::string_view key) const {
  return get<std::int64_t>(*state_, name_, key);
}
bool Service::boolean(std::string_view key) const { return get<bool>(*state_, name_, key); }
double Service::number(std::string_view key) const { return get<double>(*state_, name_, key); }
std::string Service::text(std::string_view key) const {
  return get<std::string>(*state_, name_, key);
}

}  // namespace tidegate
