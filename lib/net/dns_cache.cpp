// SPDX-License-Identifier: Apache-2.0
#include "net/dns_cache.hpp"

#include <utility>

namespace tidegate::internal {

DnsCache::Known DnsCache::find(const std::string& host, TimePoint now, const TransportDns& times) {
  const auto at = index_.find(host);
  if (at == index_.end()) return {};
  hosts_.splice(hosts_.begin(), hosts_, at->second);
  const Host& known = hosts_.front();
  const Duration age = now - known.since;
  if (!known.addresses) {
    return age < kAbsentFor ? Known{Use::kAbsent, nullptr, known.why} : Known{};
  }
  const bool rests = now < known.rests_until;
  if (age < times.ttl) {
    const bool is_young = age < times.ttl / 4 * 3;
    return {is_young || rests ? Use::kServe : Use::kRefresh, known.addresses, {}};
  }
  if (age - times.ttl >= times.stale_for) return {};
  return {rests ? Use::kRest : Use::kStale, known.addresses, {}};
}

DnsCache::Host& DnsCache::place_of(const std::string& host) {
  const auto at = index_.find(host);
  if (at != index_.end()) {
    hosts_.splice(hosts_.begin(), hosts_, at->second);
    return hosts_.front();
  }
  std::list<Host> fresh(1);
  fresh.front().name = host;
  index_.emplace(fresh.front().name, fresh.begin());
  hosts_.splice(hosts_.begin(), fresh);
  if (hosts_.size() > kMostHosts) {
    index_.erase(hosts_.back().name);
    hosts_.pop_back();
  }
  return hosts_.front();
}

void DnsCache::found(const std::string& host, DnsAddresses addresses, TimePoint now) {
  Host& place = place_of(host);
  place.addresses = std::move(addresses);
  place.why = {};
  place.since = now;
  place.rests_until = {};
}

void DnsCache::absent(const std::string& host, Status why, TimePoint now) {
  Host& place = place_of(host);
  place.addresses = nullptr;
  place.why = std::move(why);
  place.since = now;
}

void DnsCache::failed(const std::string& host, TimePoint now) noexcept {
  const auto at = index_.find(host);
  if (at != index_.end()) at->second->rests_until = now + kRest;
}

}  // namespace tidegate::internal
