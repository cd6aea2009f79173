// SPDX-License-Identifier: Apache-2.0
//
// Site: the addresses, and what is at each.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "cache_report.hpp"
#include "customs.hpp"
#include "health.hpp"
#include "http_server.hpp"
#include "listings.hpp"
#include "prewarm.hpp"
#include "price_alerts.hpp"
#include "recommendations.hpp"
#include "reply.hpp"
#include "traffic.hpp"

namespace server {

class Site {
 public:
  Site(const tidegate::Config& config, Listings& listings, Traffic& traffic);

  // Thread-safe. Blocks as long as the address does.
  Reply answer(const Request& request);

  struct Address {
    std::string_view path;
    std::string_view example;  // to try
    std::string_view what;
    Reply (Site::*answer)(const Request&);
  };
  static std::span<const Address> addresses() noexcept;

  // Loads what most will ask for.
  void warm() { prewarm_.start(); }

  // Not ready from here on: the server is about to end.
  void leave() noexcept;

 private:
  Reply index(const Request& request);
  Reply health(const Request& request);
  Reply live(const Request& request);
  Reply ready(const Request& request);
  Reply metrics(const Request& request);
  Reply recommend(const Request& request);
  Reply alert(const Request& request);
  Reply duty(const Request& request);
  Reply caches(const Request& request);
  Reply answer_at(const Address* address, const Request& request);

  Traffic& traffic_;
  Recommendations recommendations_;
  PriceAlerts price_alerts_;
  std::optional<Customs> customs_;  // where there is one
  CacheReport caches_;
  Prewarm prewarm_;
  Health health_;
};

}  // namespace server
