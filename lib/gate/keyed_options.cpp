// SPDX-License-Identifier: Apache-2.0
// The setters of a keyed limiter's options.
#include <string>
#include <utility>

#include "tidegate/keyed_limiter.hpp"

namespace tidegate {

KeyedLimiterOptions& KeyedLimiterOptions::name(std::string name) {
  values_.limits.name(std::move(name));
  return *this;
}
KeyedLimiterOptions& KeyedLimiterOptions::rate(std::uint64_t permits, Duration per,
                                               std::uint32_t burst) {
  values_.limits.rate(permits, per, burst);
  return *this;
}
KeyedLimiterOptions& KeyedLimiterOptions::strict(std::uint64_t permits, Duration per,
                                                 std::uint32_t burst) {
  values_.limits.strict(permits, per, burst);
  return *this;
}
KeyedLimiterOptions& KeyedLimiterOptions::pace(Duration interval, Duration jitter) {
  values_.limits.pace(interval, jitter);
  return *this;
}
KeyedLimiterOptions& KeyedLimiterOptions::limits(const LimiterOptions& options) {
  std::string name = values_.limits.values().name;
  values_.limits = options;
  return this->name(std::move(name));
}
KeyedLimiterOptions& KeyedLimiterOptions::max_keys(std::size_t keys) {
  values_.max_keys = keys;
  return *this;
}
KeyedLimiterOptions& KeyedLimiterOptions::queue(std::size_t starts) {
  values_.limits.queue(starts);
  return *this;
}
KeyedLimiterOptions& KeyedLimiterOptions::queue_of_key(std::size_t starts) {
  values_.queue_of_key = starts;
  return *this;
}

}  // namespace tidegate
