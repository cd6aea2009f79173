// SPDX-License-Identifier: Apache-2.0
//
// HttpProxies: the proxies of one client in one process: which one an attempt takes
// (policy/proxy_rotation.hpp), as a route. A session of more than one request has connections of its
// own, so that a proxy that gives each connection another address gives it another one.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/ports/transport.hpp"
#include "policy/proxy_rotation.hpp"
#include "tidegate/http.hpp"

namespace tidegate::internal {

using HttpRoute = std::shared_ptr<const TransportRoute>;

// Of a list of URLs. kBadArgument where one is none.
Result<std::vector<HttpRoute>> routes_to(const std::vector<std::string>& urls);

class HttpProxies {
 public:
  // `seed` keeps the sessions of clients apart.
  HttpProxies(std::vector<HttpRoute> routes, std::uint64_t per_session, std::uint64_t seed);

  struct Way {
    HttpRoute route;
    policy::ProxyRotation::Turn turn;
  };
  // REQUIRES: there are proxies. The loop's, like the next three.
  Way next(TimePoint now);
  // The route that next() would give. Takes no turn.
  HttpRoute peek(TimePoint now) const;
  void ended(const Way& way, bool has_failed, TimePoint now);
  bool has_another(TimePoint now) const;

  // Any thread.
  ProxyStats stats(TimePoint now) const;

 private:
  HttpRoute of_session(const policy::ProxyRotation::Turn& turn) const;

  const std::vector<HttpRoute> routes_;
  const bool has_sessions_;
  const std::uint64_t seed_;
  HttpRoute route_;  // of the session
  std::optional<std::uint64_t> session_;
  mutable std::mutex mutex_;
  policy::ProxyRotation rotation_;  // guarded by mutex_
};

}  // namespace tidegate::internal
