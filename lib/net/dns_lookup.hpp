// SPDX-License-Identifier: Apache-2.0
//
// One lookup of a host, which blocks for as long as the system's resolver likes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tidegate/status.hpp"

namespace tidegate::internal {

struct DnsLookup {
  std::vector<std::string> addresses = {};
  int failed = 0;  // an EAI_… of getaddrinfo()
  int error = 0;   // errno, where that is EAI_SYSTEM

  // The resolver has said that there is none; otherwise it may have one in a moment.
  bool is_absent() const noexcept;
  // Of a lookup without addresses: dns, or what this process is short of; `who` comes first.
  Status status(const std::string& who) const;
};
using DnsLookUp = std::function<DnsLookup(const std::string& host)>;

// At most kMostAddresses, IPv6 and IPv4, in the order of the system (RFC 6724). Any thread.
DnsLookup look_up_host(const std::string& host);
inline constexpr std::size_t kMostAddresses = 8;

// Whether a host is no name but an address, or one that stands for this machine (RFC 6761): nobody is
// asked for those.
bool needs_no_lookup(const std::string& host) noexcept;

}  // namespace tidegate::internal
