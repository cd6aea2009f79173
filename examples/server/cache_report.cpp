// SPDX-License-Identifier: Apache-2.0
#include "cache_report.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

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

constexpr std::array<std::string_view, 12> kTierMisses = {
    "absent",     "foreign", "newer",       "truncated", "damaged", "other_key",
    "unreadable", "old",     "invalidated", "down",      "late",    "failed"};

// What one cache's metrics are.
class Figures {
 public:
  Figures(const tidegate::Stats& now, const std::string& cache) : now_(now), cache_(cache) {}

  // By itself.
  std::uint64_t own(std::string_view name) const { return at("cache." + cache_ + ".", name); }
  // From publish().
  std::uint64_t published(std::string_view name) const {
    return at("server." + cache_ + ".cache_", name);
  }
  std::uint64_t tier_misses() const {
    std::uint64_t sum = 0;
    for (const std::string_view why : kTierMisses) sum += own("tier_misses." + std::string(why));
    return sum;
  }

 private:
  std::uint64_t at(std::string path, std::string_view name) const {
    return static_cast<std::uint64_t>(now_.value(path.append(name)).value_or(0));
  }

  const tidegate::Stats& now_;
  const std::string& cache_;
};

tidegate::Stats of_all_workers() { return tidegate::stats(tidegate::StatsOf::kAllWorkers); }

// What a cache did through its Redis. A load that Redis answered is one of the loads, too.
Json shared_of(const Figures& figures) {
  return {{"hits", figures.own("tier_hits")},
          {"stale_hits", figures.own("tier_stale_hits")},
          {"misses", figures.tier_misses()},
          {"stored", figures.own("tier_stores.stored")},
          {"refused", figures.own("tier_stores.refused")},
          {"failed", figures.own("tier_stores.failed")},
          {"dropped", figures.own("tier_stores.dropped")}};
}

Json ratio(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return nullptr;
  return std::round(1000.0 * static_cast<double>(part) / static_cast<double>(whole)) / 1000;
}

Json report_of(const tidegate::CacheOptions::Values& options, const tidegate::Stats& now) {
  const Figures figures(now, options.name);
  const std::uint64_t hits = figures.published("hits");
  const std::uint64_t asked = hits + figures.published("stale_hits") + figures.published("misses");
  Json report = {{"ttl_s", std::chrono::duration<double>(options.ttl).count()},
                 {"hit_ratio", ratio(hits, asked)}};
  for (const Count& count : kCounts) report[count.name] = figures.published(count.name);
  if (!options.redis.empty()) report["redis"] = shared_of(figures);
  for (const std::string_view name : kLoads) {
    const std::size_t dot = name.find('.');
    Json& place =
        dot == name.npos ? report[name] : report[name.substr(0, dot)][name.substr(dot + 1)];
    place = figures.own(name);
  }
  return report;
}

const char* redis_status(const Figures& figures) {
  if (figures.own("tier_up") > 0) return "ok";
  return figures.own("tier_hits") + figures.tier_misses() > 0 ? "failing" : "unknown";
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

struct CacheReport::Published {
  explicit Published(const std::string& cache) {
    const tidegate::OwnLabels labels = {{"cache", cache}};
    for (const Count& count : kCounts) {
      const std::string path = "server.cache_" + std::string(count.name);
      if (count.is_gauge) {
        metrics.emplace_back(tidegate::OwnGauge(path, labels, count.help));
      } else {
        metrics.emplace_back(tidegate::OwnCounter(path, labels, count.help));
      }
    }
  }

  void follow(const CacheStats& stats) {
    for (std::size_t i = 0; i < kCounts.size(); ++i) {
      const std::uint64_t now = kCounts[i].of(stats);
      if (auto* const gauge = std::get_if<tidegate::OwnGauge>(&metrics[i])) {
        gauge->set(static_cast<std::int64_t>(now));
      } else {
        std::get<tidegate::OwnCounter>(metrics[i]).add(now - std::exchange(last[i], now));
      }
    }
  }

  std::vector<std::variant<tidegate::OwnCounter, tidegate::OwnGauge>> metrics;  // as kCounts
  std::array<std::uint64_t, kCounts.size()> last{};
};

CacheReport::CacheReport(std::vector<ReportedCache> caches) : caches_(std::move(caches)) {
  for (const ReportedCache& each : caches_) published_.emplace_back(each.options.name);
}

CacheReport::~CacheReport() = default;

void CacheReport::publish() {
  std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < caches_.size(); ++i) published_[i].follow(caches_[i].cache.stats());
}

Reply CacheReport::all() const {
  const tidegate::Stats now = of_all_workers();
  Json caches = Json::object();
  for (const auto& [options, cache] : caches_) caches[options.name] = report_of(options, now);
  return reply(Json{{"caches", std::move(caches)}});
}

Json CacheReport::redis() const {
  const tidegate::Stats now = of_all_workers();
  Json caches = Json::object();
  for (const auto& [options, cache] : caches_) {
    if (options.redis.empty()) continue;
    const auto url = tidegate::redacted_redis_url(options.redis);
    const Figures figures(now, options.name);
    caches[options.name] = {{"status", redis_status(figures)},
                            {"url", url.ok() ? *url : ""},
                            {"pending_stores", figures.own("pending_stores")},
                            {"pending_invalidations", figures.own("pending_invalidations")},
                            {"waiting_loads", figures.own("waiting_loads")}};
  }
  if (caches.empty()) return nullptr;
  return {{"status", worst(caches)}, {"caches", std::move(caches)}};
}

}  // namespace server
