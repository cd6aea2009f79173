// SPDX-License-Identifier: Apache-2.0
#include "health.hpp"

#include <chrono>
#include <cmath>
#include <string>
#include <utility>

#include "tidegate/runtime.hpp"
#include "tidegate/version.hpp"

namespace server {

using tidegate::Deadline;

namespace {

Json database_of(const tidegate::Result<tidegate::Answer<tidegate::Rows>>& probe) {
  const auto spent = probe.ok() ? probe->timings.elapsed() : probe.status().elapsed();
  const double elapsed_ms = std::chrono::duration<double, std::milli>(spent).count();
  const bool empty = probe.ok() && probe->value.empty();
  Json database = {{"status", probe.ok() && !empty ? "ok" : "failing"},
                   {"elapsed_ms", std::round(elapsed_ms * 100) / 100}};
  if (!probe.ok()) {
    database["reason"] = tidegate::cause_info(probe.status().cause()).name;
    database["message"] = probe.status().message();
  } else if (empty) {
    database["reason"] = "empty";
    database["message"] = "the database holds no listings";
  }
  return database;
}

}  // namespace

Health::Health(Listings& listings, const Prewarm& prewarm, const CacheReport& caches,
               const Traffic& traffic, Customs* customs)
    : listings_(listings),
      prewarm_(prewarm),
      caches_(caches),
      traffic_(traffic),
      customs_(customs) {}

Reply Health::all() {
  const Json database = database_of(listings_.probe());
  const tidegate::LaneStats load = listings_.load();
  const auto up = std::chrono::duration<double>(Deadline::now() - started_).count();
  const std::string status = leaving_ ? "stopping" : database["status"] == "ok" ? "ok" : "degraded";
  Json health = {
      {"status", status},
      {"version", tidegate::version()},
      {"uptime_s", std::round(up * 10) / 10},
      {"database", database},
      {"prewarm", prewarm_.progress()},
      {"queries", {{"running", load.running}, {"queued", load.queued}, {"zombies", load.zombies}}},
      {"http",
       {{"connections", traffic_.connections.count()},
        {"kept", traffic_.kept.count()},
        {"requests", traffic_.requests.count()}}},
      {"threads", tidegate::thread_count()},
  };
  if (Json redis = caches_.redis(); !redis.is_null()) health["redis"] = std::move(redis);
  if (customs_) health["customs"] = customs_->health();
  return reply(health);
}

Reply Health::live() const { return reply(Json{{"status", "alive"}}); }

Reply Health::ready() {
  if (leaving_) return reply(Json{{"status", "stopping"}}, 503);
  const Json database = database_of(listings_.probe());
  const bool answers = database["status"] == "ok", warm = prewarm_.ready();
  const char* const status = !answers ? "not ready" : !warm ? "warming" : "ready";
  return reply(Json{{"status", status}, {"database", database}, {"prewarm", prewarm_.progress()}},
               answers && warm ? 200 : 503);
}

}  // namespace server
