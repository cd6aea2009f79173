// SPDX-License-Identifier: Apache-2.0
#include "cache_report.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "tidegate/metrics.hpp"

namespace server {

using tidegate::CacheStats;

namespace {

// One number of CacheStats.
struct Count {
  std::string_view name;
  std::uint64_t (*of)(const CacheStats&);
  bool is_gauge;
  std::string_view help;
};

constexpr std::array<Count, 9> kCounts = {{
    {"hits", [](const CacheStats& s) { return s.hits; }, false, "Lookups that found a fresh value"},
    {"stale_hits", [](const CacheStats& s) { return s.stale_hits; }, false,
     "Lookups that found a stale value"},
    {"misses", [](const CacheStats& s) { return s.misses; }, false, "Lookups that found no value"},
    {"puts", [](const CacheStats& s) { return s.puts; }, false, "Values stored"},
    {"refused", [](const CacheStats& s) { return s.refused; }, false,
     "Values not stored, because they are too large"},
    {"evicted", [](const CacheStats& s) { return s.evicted; }, false,
     "Values forgotten to make room"},
    {"expired", [](const CacheStats& s) { return s.expired; }, false,
     "Values forgotten because they were too old"},
    {"entries", [](const CacheStats& s) { return std::uint64_t{s.entries}; }, true, "Values kept"},
    {"bytes", [](const CacheStats& s) { return std::uint64_t{s.bytes}; }, true,
     "Bytes that they take"},
}};

// What tidegate counts by itself, below "cache.<name>.".
constexpr std::array<std::string_view, 8> kLoads = {
    "loads",      "landed.loaded", "landed.failed", "landed.deadline",
    "late_loads", "joined",        "refreshes",     "flights"};

// What a cache did through its Redis. A load that Redis answered is one of the loads, too.
Json shared_of(const CacheStats::Tier& tier) {
  return {{"hits", tier.hits},      {"stale_hits", tier.stale_hits}, {"misses", tier.misses},
          {"stored", tier.stored},  {"refused", tier.refused},       {"failed", tier.failed},
          {"dropped", tier.dropped}};
}

Json ratio(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return nullptr;
  return std::round(1000.0 * static_cast<double>(part) / static_cast<double>(whole)) / 1000;
}

Json report_of(const ReportedCache& reported, const tidegate::Stats& now) {
  const auto& [options, cache] = reported;
  const CacheStats stats = cache.stats();
  Json report = {{"ttl_s", std::chrono::duration<double>(options.ttl).count()},
                 {"hit_ratio", ratio(stats.hits, stats.hits + stats.stale_hits + stats.misses)}};
  for (const Count& count : kCounts) report[count.name] = count.of(stats);
  if (!options.redis.empty()) report["redis"] = shared_of(stats.tier);
  for (const std::string_view name : kLoads) {
    const auto value = now.value("cache." + options.name + "." + std::string(name));
    const std::size_t dot = name.find('.');
    Json& place =
        dot == name.npos ? report[name] : report[name.substr(0, dot)][name.substr(dot + 1)];
    place = static_cast<std::uint64_t>(value.value_or(0));
  }
  return report;
}

const char* redis_status(const CacheStats::Tier& tier) {
  if (tier.up) return "ok";
  return tier.hits + tier.misses > 0 ? "failing" : "unknown";
}

// The worst of what was said counts for all.
const char* worst(const Json& caches) {
  for (const char* const status : {"failing", "ok"}) {
    for (const Json& cache : caches) {
      if (cache["status"] == status) return status;
    }
  }
  return "unknown";
}

}  // namespace

Reply CacheReport::all() const {
  const tidegate::Stats now = tidegate::stats();
  Json caches = Json::object();
  for (const ReportedCache& each : caches_) caches[each.options.name] = report_of(each, now);
  return reply(Json{{"caches", std::move(caches)}});
}

Json CacheReport::redis() const {
  Json caches = Json::object();
  for (const auto& [options, cache] : caches_) {
    if (options.redis.empty()) continue;
    const auto url = tidegate::redacted_redis_url(options.redis);
    const CacheStats::Tier tier = cache.stats().tier;
    caches[options.name] = {{"status", redis_status(tier)},
                            {"url", url.ok() ? *url : ""},
                            {"pending_stores", tier.pending_stores},
                            {"pending_invalidations", tier.pending_invalidations},
                            {"waiting_loads", tier.waiting_loads}};
  }
  if (caches.empty()) return nullptr;
  return {{"status", worst(caches)}, {"caches", std::move(caches)}};
}

std::string CacheReport::prometheus() const {
  std::string text;
  for (const Count& count : kCounts) {
    const std::string name =
        "tidegate_server_cache_" + std::string(count.name) + (count.is_gauge ? "" : "_total");
    text.append("# HELP ").append(name).append(" ").append(count.help);
    text.append("\n# TYPE ").append(name).append(count.is_gauge ? " gauge\n" : " counter\n");
    for (const auto& [options, cache] : caches_) {
      text.append(name).append("{cache=\"").append(options.name).append("\"} ");
      text.append(std::to_string(count.of(cache.stats()))).append("\n");
    }
  }
  return text;
}

}  // namespace server
