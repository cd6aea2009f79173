// SPDX-License-Identifier: Apache-2.0
#include "net/redis_metrics.hpp"

namespace tidegate::internal {

namespace {

Counter& refused_as(const MetricsOf& of, const char* why) {
  return of.counter("redis.refused", {"why", why}, "Verbs refused at once");
}

Counter& error_of(const MetricsOf& of, RedisErrorKind kind) {
  return of.counter("redis.errors", {"kind", std::string(redis_error_name(kind))},
                    "Errors that Redis answered with, by kind");
}

}  // namespace

RedisMetrics::RedisMetrics(const std::string& server) : RedisMetrics(MetricsOf("server", server)) {}

RedisMetrics::RedisMetrics(const MetricsOf& of)
    : gets(of.counter("redis.gets", "Values asked for")),
      sets(of.counter("redis.sets", "Values to be written")),
      fenced_sets(of.counter("redis.fenced_sets", "Writes that an invalidation overtook")),
      invalidations(of.counter("redis.invalidations", "Values invalidated")),
      timeouts(of.counter("redis.timeouts", "Verbs that Redis did not answer in time")),
      abandoned(of.counter("redis.abandoned", "Verbs whose caller did not wait for the answer")),
      refused_down(refused_as(of, "down")),
      refused_full(refused_as(of, "full")),
      attempts(of.counter("redis.attempts", "Attempts to connect")),
      connections(of.counter("redis.connections", "Connections made")),
      lost(of.counter("redis.lost", "Connections lost or given up")),
      opened(of.counter("redis.opened", "Times that Redis was taken for down")),
      messages(of.counter("redis.messages", "Messages heard on channels")),
      subscriptions(of.counter("redis.subscriptions", "Channels that Redis began to tell us of")),
      bytes_in(of.counter("redis.bytes_in", "Bytes read")),
      bytes_out(of.counter("redis.bytes_out", "Bytes written")),
      in_flight(of.gauge("redis.in_flight", "Verbs under way")),
      in_flight_bytes(of.gauge("redis.in_flight_bytes", "Bytes of their commands")),
      used_memory(of.gauge("redis.used_memory", "Bytes that Redis uses", Across::kMost)),
      max_memory(of.gauge("redis.max_memory", "Bytes that Redis may use", Across::kMost)),
      evicted_keys(of.gauge("redis.evicted_keys", "Keys that Redis evicted", Across::kMost)),
      no_eviction(of.gauge("redis.no_eviction", "1 where Redis refuses writes when it is full",
                           Across::kMost)) {
  for (std::size_t kind = 0; kind < kRedisErrorKinds; ++kind) {
    errors[kind] = &error_of(of, static_cast<RedisErrorKind>(kind));
  }
}

RedisStats RedisMetrics::read() const noexcept {
  RedisStats stats;
  stats.gets = gets.value();
  stats.sets = sets.value();
  stats.fenced_sets = fenced_sets.value();
  stats.invalidations = invalidations.value();
  stats.timeouts = timeouts.value();
  stats.abandoned = abandoned.value();
  stats.refused_down = refused_down.value();
  stats.refused_full = refused_full.value();
  for (std::size_t kind = 0; kind < kRedisErrorKinds; ++kind) {
    stats.errors[kind] = errors[kind]->value();
  }
  stats.attempts = attempts.value();
  stats.connections = connections.value();
  stats.lost = lost.value();
  stats.opened = opened.value();
  stats.messages = messages.value();
  stats.subscriptions = subscriptions.value();
  stats.bytes_in = bytes_in.value();
  stats.bytes_out = bytes_out.value();
  stats.in_flight = in_flight.value();
  stats.in_flight_bytes = in_flight_bytes.value();
  stats.used_memory = used_memory.value();
  stats.max_memory = max_memory.value();
  stats.evicted_keys = evicted_keys.value();
  stats.no_eviction = no_eviction.value();
  return stats;
}

}  // namespace tidegate::internal
