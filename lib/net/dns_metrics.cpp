// SPDX-License-Identifier: Apache-2.0
#include "net/dns_metrics.hpp"

namespace tidegate::internal {

namespace {

Counter& counter(std::string_view path, std::string_view help) {
  return Registry::global().counter(path, {}, help);
}

}  // namespace

DnsMetrics::DnsMetrics()
    : lookups(counter("dns.lookups", "Lookups begun, one for all who want the host")),
      failures(counter("dns.failures", "Lookups that found no address")),
      hits(counter("dns.hits", "Answers that were known")),
      stale(counter("dns.stale", "Stale answers, because a lookup failed or was late")),
      in_flight(Registry::global().gauge("dns.in_flight", {},
                                         "Lookups that wait for a thread or run on one")),
      zombies(
          Registry::global().gauge("dns.zombies", {}, "Lookups that were given up and still run")),
      time(Registry::global().histogram("dns.time", {}, "From the begin of a lookup to its end")) {}

}  // namespace tidegate::internal
