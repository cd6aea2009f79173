// SPDX-License-Identifier: Apache-2.0
// The setters of a breaker's options, and the settings that set them.
#include <algorithm>
#include <utility>

#include "gate/share_called.hpp"
#include "tidegate/breaker.hpp"

namespace tidegate {

namespace {

Duration bounded(Duration time) noexcept {
  return std::clamp<Duration>(time, std::chrono::milliseconds(1), std::chrono::hours(24));
}

}  // namespace

template <class Source>
BreakerOptions BreakerOptions::of(const Source& source) {
  BreakerOptions options;
  options.failure_rate(source.number("breaker.failure_rate"))
      .slow(source.number("breaker.slow_rate"), source.duration("breaker.slow_after"))
      .min_calls(static_cast<int>(source.integer("breaker.min_calls")))
      .window(source.duration("breaker.window"))
      .consecutive(static_cast<int>(source.integer("breaker.consecutive")))
      .probes(static_cast<int>(source.integer("breaker.probes")))
      .probe_timeout(source.duration("breaker.probe_timeout"))
      .open_for(source.duration("breaker.open_for"), source.duration("breaker.max_open_for"))
      .share(internal::share_called(source.text("breaker.share")))
      .state_dir(source.text("gate.state_dir"))
      .redis(source.text("gate.redis"))
      .redis_timeout(source.duration("gate.redis_timeout"));
  options.values_.window_nearness = source.nearness("breaker.window");
  options.values_.slow_after_nearness = source.nearness("breaker.slow_after");
  return options;
}

BreakerOptions& BreakerOptions::name(std::string name) {
  values_.name = std::move(name);
  return *this;
}
BreakerOptions& BreakerOptions::failure_rate(double share) {
  values_.failure_rate = std::clamp(share, 0.0, 1.0);
  return *this;
}
BreakerOptions& BreakerOptions::slow(double share, Duration after) {
  values_.slow_rate = std::clamp(share, 0.0, 1.0);
  values_.slow_after = std::clamp<Duration>(after, Duration::zero(), std::chrono::hours(24));
  values_.slow_after_nearness = kSetInCode;
  return *this;
}
BreakerOptions& BreakerOptions::min_calls(int calls) {
  values_.min_calls = std::clamp(calls, 1, 1'000'000);
  return *this;
}
BreakerOptions& BreakerOptions::window(Duration length) {
  values_.window = bounded(length);
  values_.window_nearness = kSetInCode;
  return *this;
}
BreakerOptions& BreakerOptions::consecutive(int failures) {
  values_.consecutive = std::clamp(failures, 0, 1'000'000);
  return *this;
}
BreakerOptions& BreakerOptions::probes(int calls) {
  values_.probes = std::clamp(calls, 1, 64);
  return *this;
}
BreakerOptions& BreakerOptions::probe_timeout(Duration time) {
  values_.probe_timeout = bounded(time);
  return *this;
}
BreakerOptions& BreakerOptions::open_for(Duration first, Duration longest) {
  values_.open_for = bounded(first);
  values_.max_open_for = std::max(values_.open_for, bounded(longest));
  return *this;
}
BreakerOptions& BreakerOptions::share(Share with) {
  values_.share = with;
  return *this;
}
BreakerOptions& BreakerOptions::state_dir(std::string path) {
  values_.state_dir = std::move(path);
  return *this;
}
BreakerOptions& BreakerOptions::redis(std::string url) {
  values_.redis = std::move(url);
  return *this;
}
BreakerOptions& BreakerOptions::redis_timeout(Duration timeout) {
  values_.redis_timeout =
      std::clamp<Duration>(timeout, std::chrono::milliseconds(1), std::chrono::minutes(1));
  return *this;
}
BreakerOptions& BreakerOptions::on_change(std::function<void(const BreakerChange&)> listener) {
  values_.on_change = std::move(listener);
  return *this;
}

BreakerOptions BreakerOptions::from(const Config& config) { return of(config); }
BreakerOptions BreakerOptions::from(const Service& service) {
  return of(service).name(service.name());
}

}  // namespace tidegate
