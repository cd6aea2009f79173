// SPDX-License-Identifier: Apache-2.0
#include "http/proxies.hpp"

#include <utility>

#include "net/proxy_url.hpp"

namespace tidegate::internal {

Result<std::vector<HttpRoute>> routes_to(const std::vector<std::string>& urls) {
  std::vector<HttpRoute> routes;
  for (const std::string& url : urls) {
    auto route = proxy_route(url);
    if (!route.ok()) return route.status();
    routes.push_back(std::move(*route));
  }
  return routes;
}

HttpProxies::HttpProxies(std::vector<HttpRoute> routes, std::uint64_t per_session,
                         std::uint64_t seed)
    : routes_(std::move(routes)),
      has_sessions_(per_session > 1),
      seed_(seed),
      rotation_(routes_.size(), per_session) {}

HttpProxies::Way HttpProxies::next(TimePoint now) {
  policy::ProxyRotation::Turn turn;
  {
    const std::lock_guard lock(mutex_);
    turn = rotation_.next(now);
  }
  if (!has_sessions_) return {routes_[turn.proxy], turn};
  if (session_ != turn.session) {
    route_ = of_session(turn);
    session_ = turn.session;
  }
  return {route_, turn};
}

HttpRoute HttpProxies::peek(TimePoint now) const {
  policy::ProxyRotation::Turn turn;
  {
    const std::lock_guard lock(mutex_);
    turn = rotation_.peek(now);
  }
  if (!has_sessions_) return routes_[turn.proxy];
  return session_ == turn.session ? route_ : of_session(turn);
}

HttpRoute HttpProxies::of_session(const policy::ProxyRotation::Turn& turn) const {
  return in_session(*routes_[turn.proxy], seed_ + turn.session);
}

void HttpProxies::ended(const Way& way, bool has_failed, TimePoint now) {
  const std::lock_guard lock(mutex_);
  has_failed ? rotation_.failed(way.turn, now) : rotation_.worked(way.turn);
}

bool HttpProxies::has_another(TimePoint now) const {
  const std::lock_guard lock(mutex_);
  return rotation_.available(now) > 0;
}

ProxyStats HttpProxies::stats(TimePoint now) const {
  if (routes_.empty()) return {};
  const std::lock_guard lock(mutex_);
  return {.request_count = rotation_.requests(),
          .session_rotations = rotation_.rotations(),
          .current_proxy = routes_[rotation_.current()]->shown,
          .available_proxies = rotation_.available(now)};
}

}  // namespace tidegate::internal
