// SPDX-License-Identifier: Apache-2.0
// The settings that set a gate's options.
#include <string>

#include "base/config_count.hpp"
#include "gate/share_called.hpp"
#include "tidegate/gate.hpp"

namespace tidegate {

namespace {

template <class Source>
GateOptions options_from(const Source& source) {
  GateOptions options;
  options.limits(LimiterOptions::from(source));
  const auto permits = static_cast<std::uint64_t>(source.integer("gate.rate"));
  const Duration per = source.duration("gate.rate_per");
  const auto burst = static_cast<std::uint32_t>(source.integer("gate.burst"));
  if (permits > 0 && source.boolean("gate.strict")) options.strict(permits, per, burst);
  if (permits > 0 && !source.boolean("gate.strict")) options.rate(permits, per, burst);
  const Duration pace = source.duration("gate.pace");
  if (pace > Duration::zero()) options.pace(pace, source.duration("gate.jitter"));
  options.pause_every(static_cast<std::uint32_t>(source.integer("gate.pause_every")),
                      source.duration("gate.least_pause"), source.duration("gate.most_pause"));
  options.share(internal::share_called(source.text("gate.share")));
  options.concurrency(internal::count(source, "gate.concurrency"))
      .queue(internal::count(source, "gate.queue"))
      .max_penalty(source.duration("gate.max_penalty"))
      .adaptive_rate(source.boolean("gate.adaptive_rate"))
      .rate_limit_fields(source.boolean("gate.rate_limit_fields"));
  if (source.boolean("gate.breaker")) options.breaker(BreakerOptions::from(source));
  return options;
}

}  // namespace

GateOptions GateOptions::from(const Config& config) { return options_from(config); }

GateOptions GateOptions::from(const Service& service) {
  return options_from(service).name(service.name());
}

}  // namespace tidegate
