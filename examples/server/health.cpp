// SPDX-License-Identifier: Apache-2.0
#include "health.hpp"

#include <unistd.h>

#include <chrono>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include "tidegate/metrics.hpp"
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
               Customs* customs, std::int64_t workers)
    : listings_(listings),
      prewarm_(prewarm),
      caches_(caches),
      customs_(customs),
      workers_(workers) {}

Reply Health::all() {
  const Json database = database_of(listings_.probe());
  const tidegate::Stats now = tidegate::stats(tidegate::StatsOf::kAllWorkers);
  const auto figure = [&now](std::string_view path) {
    return static_cast<std::int64_t>(now.value(path).value_or(0));
  };
  const auto up = std::chrono::duration<double>(Deadline::now() - started_).count();
  const std::string status = leaving_ ? "stopping" : database["status"] == "ok" ? "ok" : "degraded";
  Json health = {
      {"status", status},
      {"version", tidegate::version()},
      {"uptime_s", std::round(up * 10) / 10},
      {"database", database},
      {"prewarm", prewarm_.progress()},
      {"queries",
       {{"running", figure("executor.cars.running")},
        {"queued", figure("executor.cars.queued")},
        {"zombies", figure("executor.cars.zombies")}}},
      {"http",
       {{"connections", figure("server.connections")},
        {"kept", figure("server.kept_connections")},
        {"requests", figure("server.requests_in_flight")}}},
      {"worker", ::getpid()},
      {"workers", {{"wanted", workers_}, {"alive", tidegate::workers()}}},
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
