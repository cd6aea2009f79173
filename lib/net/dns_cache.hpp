// SPDX-License-Identifier: Apache-2.0
//
// DnsCache: what is known of hosts: their addresses, or that they have none. A policy without a
// clock: it says what to do with what it knows, and whoever looks hosts up does it.
//
//   age of an answer     0 ──── 3/4 ttl ──── ttl ──────────── ttl + stale_for
//   kServe               kRefresh            kStale            kLookUp
//
// getaddrinfo() tells no time to live, so the asker says how old an answer may be. An answer that is
// in use is looked up anew behind it before its time is over, and nobody waits. After a lookup that
// failed, what is known answers for a second without the next. That a host has no address is known
// for a second; a resolver that only fails now says nothing about the host.
//
// At most kMostHosts are kept, those that were asked for last. Not thread-safe.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ports/transport.hpp"
#include "tidegate/deadline.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

// In the order to try them, as text: "192.0.2.1", "2001:db8::1". Never empty where there are some.
using DnsAddresses = std::shared_ptr<const std::vector<std::string>>;

class DnsCache {
 public:
  static constexpr std::size_t kMostHosts = 1000;
  static constexpr Duration kAbsentFor = std::chrono::seconds(1);
  static constexpr Duration kRest = std::chrono::seconds(1);

  enum class Use : std::uint8_t {
    kLookUp,   // nothing is known
    kServe,    // take the addresses
    kRefresh,  // take them, and look the host up behind
    kStale,    // look it up, and take them where that fails or is late
    kRest,     // take them, they are stale; a lookup has just failed
    kAbsent,   // it has none: `why`
  };
  struct Known {
    Use use = Use::kLookUp;
    DnsAddresses addresses;
    Status why;
  };

  Known find(const std::string& host, TimePoint now, const TransportDns& times);

  void found(const std::string& host, DnsAddresses addresses, TimePoint now);
  // The host has no address, and what was known of it is wrong.
  void absent(const std::string& host, Status why, TimePoint now);
  // Nobody knows for now.
  void failed(const std::string& host, TimePoint now) noexcept;

  std::size_t size() const noexcept { return hosts_.size(); }

 private:
  struct Host {
    std::string name;
    DnsAddresses addresses;  // null: it has none
    Status why;
    TimePoint since{};
    TimePoint rests_until{};
  };

  Host& place_of(const std::string& host);

  std::list<Host> hosts_;  // what was asked for last comes first
  std::unordered_map<std::string_view, std::list<Host>::iterator> index_;
};

}  // namespace tidegate::internal
