// SPDX-License-Identifier: Apache-2.0
#include "health.hpp"

#include <chrono>
#include <cmath>

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

Reply Health::all() {
  const Json database = database_of(listings_.probe());
  const tidegate::LaneStats load = listings_.load();
  const auto up = std::chrono::duration<double>(Deadline::now() - started_).count();
  const std::string status = leaving_ ? "stopping" : database["status"] == "ok" ? "ok" : "degraded";
  return reply(Json{
      {"status", status},
      {"version", tidegate::version()},
      {"uptime_s", std::round(up * 10) / 10},
      {"database", database},
      {"queries", {{"running", load.running}, {"queued", load.queued}, {"zombies", load.zombies}}},
      {"http",
       {{"connections", traffic_.connections.count()},
        {"kept", traffic_.kept.count()},
        {"requests", traffic_.requests.count()}}},
      {"threads", tidegate::thread_count()},
  });
}

Reply Health::live() const { return reply(Json{{"status", "alive"}}); }

Reply Health::ready() {
  if (leaving_) return reply(Json{{"status", "stopping"}}, 503);
  const Json database = database_of(listings_.probe());
  const bool ready = database["status"] == "ok";
  return reply(Json{{"status", ready ? "ready" : "not ready"}, {"database", database}},
               ready ? 200 : 503);
}

}  // namespace server
