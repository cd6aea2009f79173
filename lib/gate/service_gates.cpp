// SPDX-License-Identifier: Apache-2.0
// Gate::of(): the gates of services.
#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/config_keys.hpp"
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
         service.duration("gate.pace") > Duration::zero() || service.boolean("gate.breaker");
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

}  // namespace tidegate
