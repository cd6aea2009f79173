// SPDX-License-Identifier: Apache-2.0
// Gate::of() and Gate::named(): the gates of services.
#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/config_keys.hpp"
#include "base/config_state.hpp"
#include "gate/gate_home.hpp"
#include "tidegate/gate.hpp"

namespace tidegate {

namespace {

struct ServiceGate {
  const std::string settings;
  const Gate gate;
  ServiceGate* next = nullptr;
};

// Of this process. Append-only and never freed, without a lock, as a fork may come at any time.
std::atomic<ServiceGate*> gates{nullptr};

bool has_gate(const Service& service) {
  return service.integer("gate.rate") > 0 || service.integer("gate.concurrency") > 0 ||
         service.duration("gate.pace") > Duration::zero() || service.boolean("gate.breaker") ||
         service.boolean("gate.adaptive_rate") || service.boolean("gate.rate_limit_fields");
}

std::string text_of(const Service& service, const KeyInfo& key) {
  switch (key.type) {
    case KeyType::kDuration: return std::to_string(service.duration(key.key).count());
    case KeyType::kInteger: return std::to_string(service.integer(key.key));
    case KeyType::kBoolean: return service.boolean(key.key) ? "true" : "false";
    case KeyType::kNumber: return std::to_string(service.number(key.key));
    case KeyType::kString: return service.text(key.key);
  }
  return {};
}

// The name, and what the gate would be made of, a line each.
std::string settings_of(const Service& service) {
  std::string settings = service.name();
  for (const KeyInfo& key : internal::library_keys()) {
    if (!key.key.starts_with("gate.") && !key.key.starts_with("breaker.")) continue;
    settings.append(1, '\n').append(text_of(service, key));
  }
  return settings;
}

const ServiceGate* find(const ServiceGate* from, std::string_view settings) noexcept {
  while (from && from->settings != settings) from = from->next;
  return from;
}

}  // namespace

std::optional<Gate> Gate::of(const Service& service) {
  if (!has_gate(service)) return std::nullopt;
  std::string settings = settings_of(service);
  ServiceGate* first = gates.load(std::memory_order_acquire);
  if (const ServiceGate* const found = find(first, settings)) return found->gate;
  auto made = std::make_unique<ServiceGate>(
      ServiceGate{std::move(settings), Gate(GateOptions::from(service))});
  if (!made->gate.status().ok()) return made->gate;  // what is wrong may be mended
  do {
    if (const ServiceGate* const found = find(first, made->settings)) return found->gate;
    made->next = first;
  } while (!gates.compare_exchange_weak(first, made.get(), std::memory_order_acq_rel));
  return made.release()->gate;
}

namespace {

template <class Settings>
Result<Gate> find_named(const Settings& settings, std::string_view name) {
  if (!internal::is_service_name(name)) {
    return Status(Cause::kConfig, "this is no name of a service: 1 to 64 of a-z, 0-9 and _");
  }
  if (std::optional<Gate> gate = Gate::of(Service::from(settings, name))) return *std::move(gate);
  const std::string section = "services." + std::string(name) + ".gate.";
  return Status(Cause::kConfig,
                "no setting makes one: set " + section + "rate, .pace, .concurrency or .breaker");
}

}  // namespace

Gate Gate::named(const Config& config, std::string_view service) {
  Result<Gate> found = find_named(config, service);
  return found.ok() ? std::move(found).value() : unfit(service, found.status());
}
Gate Gate::named(const Service& same, std::string_view service) {
  Result<Gate> found = find_named(same, service);
  return found.ok() ? std::move(found).value() : unfit(service, found.status());
}

Gate Gate::unfit(std::string_view name, Status why) {
  const GateOptions options{std::string(name)};
  return Gate(std::make_shared<internal::GateHome>(options.values(), std::move(why)));
}

}  // namespace tidegate
