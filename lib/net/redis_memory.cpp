// SPDX-License-Identifier: Apache-2.0
#include "net/redis_memory.hpp"

#include <charconv>
#include <string>

#include "base/log_record.hpp"

namespace tidegate::internal {

namespace {

std::int64_t number_of(std::string_view info, std::string_view name) noexcept {
  const std::string_view text = redis_info_field(info, name);
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

std::string_view redis_info_field(std::string_view info, std::string_view name) noexcept {
  while (!info.empty()) {
    const std::size_t end = std::min(info.find("\r\n"), info.size());
    const std::string_view line = info.substr(0, end);
    if (line.starts_with(name) && line.substr(name.size()).starts_with(':')) {
      return line.substr(name.size() + 1);
    }
    info.remove_prefix(std::min(end + 2, info.size()));
  }
  return {};
}

void RedisMemoryWatch::take(const RedisReply& memory, const RedisReply& stats) {
  RedisMetrics& metrics = place_.metrics;
  if (stats.kind == RedisReply::Kind::kString) {
    metrics.evicted_keys.set(number_of(stats.text, "evicted_keys"));
  }
  if (memory.kind != RedisReply::Kind::kString) return;
  const std::string_view policy = redis_info_field(memory.text, "maxmemory_policy");
  const std::int64_t limit = number_of(memory.text, "maxmemory");
  metrics.used_memory.set(number_of(memory.text, "used_memory"));
  metrics.max_memory.set(limit);
  metrics.no_eviction.set(policy == "noeviction" ? 1 : 0);
  if (policy.empty()) return;
  if (limit == 0) return warn("has no memory limit: set maxmemory and maxmemory-policy");
  if (policy == "noeviction") {
    warn("refuses writes when it is full: set maxmemory-policy, to volatile-lru for instance");
  }
}

void RedisMemoryWatch::warn(const char* what) noexcept {
  if (warned_) return;
  warned_ = true;
  log(LogLevel::kWarning, "redis", "Redis at " + place_.shown + " " + what);
}

}  // namespace tidegate::internal
