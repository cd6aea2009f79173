// SPDX-License-Identifier: Apache-2.0
//
// Site: the addresses, and what is at each.
#pragma once

#include <span>
#include <string_view>

#include "health.hpp"
#include "http_server.hpp"
#include "listings.hpp"
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

  void leave() noexcept { health_.leave(); }

 private:
  Reply index(const Request& request);
  Reply health(const Request& request);
  Reply live(const Request& request);
  Reply ready(const Request& request);
  Reply metrics(const Request& request);
  Reply recommend(const Request& request);
  Reply answer_at(const Address* address, const Request& request);

  Traffic& traffic_;
  Health health_;
  Recommendations recommendations_;
};

}  // namespace server
