// SPDX-License-Identifier: Apache-2.0
//
// What a Redis client counts; docs/reference/metrics.md says what each means. One set for each
// server and database in the process. RedisStats is a reading of it: any thread.
#pragma once

#include <array>
#include <string>

#include "base/metrics.hpp"
#include "net/redis_error.hpp"

namespace tidegate::internal {

struct RedisStats {
  std::uint64_t gets = 0, sets = 0, fenced_sets = 0, invalidations = 0;
  std::uint64_t timeouts = 0, abandoned = 0, refused_down = 0, refused_full = 0;
  std::array<std::uint64_t, kRedisErrorKinds> errors{};  // by RedisErrorKind
  std::uint64_t attempts = 0, connections = 0, lost = 0, opened = 0;
  std::uint64_t messages = 0, subscriptions = 0;
  std::uint64_t bytes_in = 0, bytes_out = 0;
  std::int64_t in_flight = 0, in_flight_bytes = 0;
  std::int64_t used_memory = 0, max_memory = 0, evicted_keys = 0, no_eviction = 0;

  std::uint64_t errors_of(RedisErrorKind kind) const noexcept {
    return errors[static_cast<std::size_t>(kind)];
  }
};

struct RedisMetrics {
  explicit RedisMetrics(const std::string& server);
  explicit RedisMetrics(const MetricsOf& of);

  Counter& error(RedisErrorKind kind) noexcept { return *errors[static_cast<std::size_t>(kind)]; }
  RedisStats read() const noexcept;

  Counter& gets;
  Counter& sets;
  Counter& fenced_sets;
  Counter& invalidations;
  Counter& timeouts;
  Counter& abandoned;
  Counter& refused_down;
  Counter& refused_full;
  std::array<Counter*, kRedisErrorKinds> errors{};
  Counter& attempts;
  Counter& connections;
  Counter& lost;
  Counter& opened;
  Counter& messages;
  Counter& subscriptions;
  Counter& bytes_in;
  Counter& bytes_out;
  Gauge& in_flight;
  Gauge& in_flight_bytes;
  Gauge& used_memory;
  Gauge& max_memory;
  Gauge& evicted_keys;
  Gauge& no_eviction;
};

}  // namespace tidegate::internal
