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

Site::Site(const tidegate::Config& config, Listings& listings, Traffic& traffic)
    : traffic_(traffic),
      recommendations_(config, listings),
      price_alerts_(config, listings),
      caches_({&recommendations_.cache(), &price_alerts_.cache()}),
      prewarm_(config, recommendations_, price_alerts_),
      health_(listings, prewarm_, caches_, traffic) {}

std::span<const Site::Address> Site::addresses() noexcept {
  static constexpr std::array<Address, 8> kAddresses = {{
      {"/", "/", "this list", &Site::index},
      {"/api/v1/home/recommendations", "/api/v1/home/recommendations?limit=4&make=audi",
       "cars for the home page", &Site::recommend},
      {"/api/v1/analytics/price-alerts",
       "/api/v1/analytics/price-alerts?make=audi&below_percent=20",
       "cars far below the median price of their model and year", &Site::alert},
      {"/api/v1/cache/stats", "/api/v1/cache/stats", "what the caches of both count",
       &Site::caches},
      {"/health", "/health", "how the server, its database and its Redis are", &Site::health},
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

Reply Site::index(const Request&) {
  Json list = Json::array();
  for (const Address& address : addresses()) {
    list.push_back({{"get", address.example}, {"what", address.what}});
  }
  return reply(Json{{"addresses", std::move(list)}});
}

Reply Site::metrics(const Request&) {
  return {.body = tidegate::stats().prometheus() + caches_.prometheus() + traffic_.prometheus(),
          .content_type = "text/plain; version=0.0.4; charset=utf-8",
          .headers = {},
          .etag = {}};
}

void Site::leave() noexcept {
  prewarm_.stop();
  health_.leave();
}

Reply Site::caches(const Request&) { return caches_.all(); }
Reply Site::health(const Request&) { return health_.all(); }
Reply Site::live(const Request&) { return health_.live(); }
Reply Site::ready(const Request&) { return health_.ready(); }

}  // namespace server
