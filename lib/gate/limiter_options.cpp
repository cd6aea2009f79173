// SPDX-License-Identifier: Apache-2.0
// The setters of a limiter's options, and the settings that it has.
#include <algorithm>
#include <chrono>
#include <utility>

#include "tidegate/config.hpp"
#include "tidegate/limiter.hpp"

namespace tidegate {

LimiterOptions& LimiterOptions::name(std::string name) {
  values_.name = std::move(name);
  return *this;
}
LimiterOptions& LimiterOptions::rate(std::uint64_t permits, Duration per, std::uint32_t burst) {
  values_.rates.push_back({permits, per, burst, false});
  return *this;
}
LimiterOptions& LimiterOptions::strict(std::uint64_t permits, Duration per, std::uint32_t burst) {
  values_.rates.push_back({permits, per, burst, true});
  return *this;
}
LimiterOptions& LimiterOptions::pace(Duration interval, Duration jitter) {
  values_.pace.is_set = true;
  values_.pace.interval = interval;
  values_.pace.jitter = jitter;
  return *this;
}
LimiterOptions& LimiterOptions::pause_every(std::uint32_t starts, Duration least, Duration most) {
  values_.pace.every = starts;
  values_.pace.least_pause = least;
  values_.pace.most_pause = most;
  return *this;
}
LimiterOptions& LimiterOptions::queue(std::size_t starts) {
  values_.queue = starts;
  return *this;
}

LimiterOptions& LimiterOptions::share(Share with) {
  values_.share = with;
  return *this;
}
LimiterOptions& LimiterOptions::state_dir(std::string path) {
  values_.state_dir = std::move(path);
  return *this;
}
LimiterOptions& LimiterOptions::redis(std::string url) {
  values_.redis = std::move(url);
  return *this;
}
LimiterOptions& LimiterOptions::redis_timeout(Duration timeout) {
  values_.redis_timeout =
      std::clamp<Duration>(timeout, std::chrono::milliseconds(1), std::chrono::minutes(1));
  return *this;
}
LimiterOptions& LimiterOptions::share_down(ShareDown what) {
  values_.share_down = what;
  return *this;
}
LimiterOptions& LimiterOptions::share_workers(std::uint32_t processes) {
  values_.share_workers = std::clamp<std::uint32_t>(processes, 1, 10'000);
  return *this;
}

namespace {

template <class Source>
LimiterOptions options_from(const Source& source) {
  const std::string down = source.text("gate.share_down");
  return LimiterOptions()
      .state_dir(source.text("gate.state_dir"))
      .redis(source.text("gate.redis"))
      .redis_timeout(source.duration("gate.redis_timeout"))
      .share_down(down == "open"     ? ShareDown::kOpen
                  : down == "refuse" ? ShareDown::kRefuse
                                     : ShareDown::kLocal)
      .share_workers(static_cast<std::uint32_t>(source.integer("gate.share_workers")));
}

}  // namespace

LimiterOptions LimiterOptions::from(const Config& config) { return options_from(config); }
LimiterOptions LimiterOptions::from(const Service& service) {
  return options_from(service).name(service.name());
}

}  // namespace tidegate
