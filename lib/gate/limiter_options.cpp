// SPDX-License-Identifier: Apache-2.0
// The setters of a limiter's options, and the setting that it has.
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
LimiterOptions LimiterOptions::from(const Config& config) {
  return LimiterOptions().state_dir(config.text("gate.state_dir"));
}
LimiterOptions LimiterOptions::from(const Service& service) {
  return LimiterOptions().name(service.name()).state_dir(service.text("gate.state_dir"));
}

}  // namespace tidegate
