// SPDX-License-Identifier: Apache-2.0
#include "site.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "nearest.hpp"
#include "problems.hpp"
#include "tidegate/metrics.hpp"

namespace server {

Site::Site(const tidegate::Config& config, Listings& listings, Traffic& traffic)
    : traffic_(traffic), health_(listings, traffic), recommendations_(config, listings) {}

std::span<const Site::Address> Site::addresses() noexcept {
  static constexpr std::array<Address, 6> kAddresses = {{
      {"/", "/", "this list", &Site::index},
      {"/api/v1/home/recommendations", "/api/v1/home/recommendations?limit=4&make=audi",
       "cars for the home page", &Site::recommend},
      {"/health", "/health", "how the server and its database are", &Site::health},
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
    refused.allow = "GET, HEAD";
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

Reply Site::index(const Request&) {
  Json list = Json::array();
  for (const Address& address : addresses()) {
    list.push_back({{"get", address.example}, {"what", address.what}});
  }
  return reply(Json{{"addresses", std::move(list)}});
}

Reply Site::metrics(const Request&) {
  return {.body = tidegate::stats().prometheus() + traffic_.prometheus(),
          .content_type = "text/plain; version=0.0.4; charset=utf-8",
          .allow = {}};
}

Reply Site::health(const Request&) { return health_.all(); }
Reply Site::live(const Request&) { return health_.live(); }
Reply Site::ready(const Request&) { return health_.ready(); }

}  // namespace server
