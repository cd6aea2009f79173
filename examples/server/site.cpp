// SPDX-License-Identifier: Apache-2.0
#include "site.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "conditional.hpp"
#include "nearest.hpp"
#include "problems.hpp"
#include "tidegate/metrics.hpp"

namespace server {

namespace {

std::vector<ReportedCache> caches_of(const Recommendations& recommendations,
                                     const PriceAlerts& alerts,
                                     const std::optional<Customs>& customs) {
  std::vector<ReportedCache> caches = {recommendations.cache().reported(),
                                       alerts.cache().reported()};
  if (customs) caches.push_back(customs->tokens());
  return caches;
}

}  // namespace

Site::Site(const tidegate::Config& config, Listings& listings, Traffic& traffic)
    : traffic_(traffic),
      recommendations_(config, listings),
      price_alerts_(config, listings),
      customs_(config.text("server.customs_url").empty() ? std::nullopt
                                                         : std::make_optional<Customs>(config)),
      caches_(caches_of(recommendations_, price_alerts_, customs_)),
      prewarm_(config, recommendations_, price_alerts_),
      health_(listings, prewarm_, caches_, customs_ ? &*customs_ : nullptr,
              config.integer("server.workers")) {}

std::span<const Site::Address> Site::addresses() noexcept {
  static constexpr std::array<Address, 9> kAddresses = {{
      {"/", "/", "this list", &Site::index},
      {"/api/v1/home/recommendations", "/api/v1/home/recommendations?limit=4&make=audi",
       "cars for the home page", &Site::recommend},
      {"/api/v1/analytics/price-alerts",
       "/api/v1/analytics/price-alerts?make=audi&below_percent=20",
       "cars far below the median price of their model and year", &Site::alert},
      {"/api/v1/customs/duty",
       "/api/v1/customs/duty?price_eur=20000&year=2020&engine_cc=1998&fuel=diesel",
       "the customs duty of a car, where --customs-url says whom to ask", &Site::duty},
      {"/api/v1/cache/stats", "/api/v1/cache/stats", "what the caches of all of them count",
       &Site::caches},
      {"/health", "/health", "how the server and all that it asks are", &Site::health},
      {"/health/live", "/health/live", "200 as long as the process turns", &Site::live},
      {"/health/ready", "/health/ready", "200 if the database answers, else 503", &Site::ready},
      {"/metrics", "/metrics", "all counters, for Prometheus", &Site::metrics},
  }};
  return kAddresses;
}

Reply Site::answer(const Request& request) {
  const auto known = std::ranges::find(addresses(), request.path, &Address::path);
  const Address* const address = known == addresses().end() ? nullptr : &*known;
  Reply said = answer_at(address, request);
  if (names(request.if_none_match, said.etag)) said = unchanged(std::move(said));
  traffic_.count(address ? address->path : "other", said.status);
  caches_.publish();
  return said;
}

Reply Site::answer_at(const Address* address, const Request& request) {
  if (!address) {
    std::vector<std::string_view> paths;
    for (const Address& other : addresses()) paths.push_back(other.path);
    return reply(problems::unknown_path(request.path, nearest(request.path, paths)));
  }
  if (request.method != "GET" && request.method != "HEAD") {
    Reply refused = reply(problems::wrong_method(request.method));
    refused.headers = {{"Allow", "GET, HEAD"}};
    return refused;
  }
  if (request.encoded_body) return reply(problems::encoded_body());
  if (request.body) return reply(problems::unwanted_body());
  return (this->*address->answer)(request);
}

Reply Site::recommend(const Request& request) {
  const auto wanted = parse_wanted(request.query);
  if (const auto* problem = std::get_if<Problem>(&wanted)) return reply(*problem);
  return recommendations_.answer(std::get<Wanted>(wanted), request.arrived);
}

Reply Site::alert(const Request& request) {
  const auto wanted = parse_alerts_wanted(request.query);
  if (const auto* problem = std::get_if<Problem>(&wanted)) return reply(*problem);
  return price_alerts_.answer(std::get<AlertsWanted>(wanted), request.arrived);
}

Reply Site::duty(const Request& request) {
  if (!customs_) {
    return reply(problems::not_set("--customs-url", "a customs calculator"));
  }
  const auto car = parse_imported_car(request.query);
  if (const auto* problem = std::get_if<Problem>(&car)) return reply(*problem);
  return customs_->answer(std::get<ImportedCar>(car), request.arrived);
}

Reply Site::index(const Request&) {
  Json list = Json::array();
  for (const Address& address : addresses()) {
    list.push_back({{"get", address.example}, {"what", address.what}});
  }
  return reply(Json{{"addresses", std::move(list)}});
}

Reply Site::metrics(const Request&) {
  caches_.publish();
  return {.body = tidegate::stats(tidegate::StatsOf::kAllWorkers).prometheus(),
          .content_type = "text/plain; version=0.0.4; charset=utf-8",
          .headers = {},
          .etag = {}};
}

void Site::leave() noexcept {
  prewarm_.stop();
  health_.leave();
}

Reply Site::caches(const Request&) {
  caches_.publish();
  return caches_.all();
}

Reply Site::health(const Request&) { return health_.all(); }
Reply Site::live(const Request&) { return health_.live(); }
Reply Site::ready(const Request&) { return health_.ready(); }

}  // namespace server
