// SPDX-License-Identifier: Apache-2.0
#include "net/dns_cache.hpp"

#include <doctest/doctest.h>

#include <string>

namespace tidegate::internal {
namespace {

using namespace std::chrono_literals;
using Use = DnsCache::Use;

constexpr TransportDns kTimes{.ttl = 60s, .stale_for = 600s};
constexpr TimePoint kStart{std::chrono::hours(1)};

DnsAddresses one(const char* address) {
  return std::make_shared<const std::vector<std::string>>(1, address);
}

TEST_CASE("AnAnswerIsFreshThenRefreshedThenStaleThenForgotten [D4]") {
  DnsCache cache;
  CHECK(cache.find("a", kStart, kTimes).use == Use::kLookUp);
  cache.found("a", one("192.0.2.1"), kStart);
  const auto use_after = [&](Duration age) { return cache.find("a", kStart + age, kTimes).use; };
  CHECK(use_after(0s) == Use::kServe);
  CHECK(use_after(45s - 1ns) == Use::kServe);
  CHECK(use_after(45s) == Use::kRefresh);
  CHECK(use_after(60s - 1ns) == Use::kRefresh);
  CHECK(use_after(60s) == Use::kStale);
  CHECK(use_after(660s - 1ns) == Use::kStale);
  CHECK(use_after(660s) == Use::kLookUp);
  cache.found("a", one("192.0.2.2"), kStart + 100s);
  CHECK(cache.find("a", kStart + 100s, kTimes).addresses->front() == "192.0.2.2");
}

TEST_CASE("EachWhoAsksSaysHowOldAnAnswerMayBe") {
  DnsCache cache;
  cache.found("a", one("192.0.2.1"), kStart);
  CHECK(cache.find("a", kStart, {.ttl = 0s, .stale_for = 0s}).use == Use::kLookUp);
  CHECK(cache.find("a", kStart, {.ttl = 0s, .stale_for = 1s}).use == Use::kStale);
  CHECK(cache.find("a", kStart + 1h, {.ttl = 2h}).use == Use::kServe);
}

TEST_CASE("ThatAHostHasNoAddressIsKnownForASecondAndVoidsWhatWasKnown [D2]") {
  DnsCache cache;
  cache.found("a", one("192.0.2.1"), kStart);
  cache.absent("a", Status(Cause::kDns, "none"), kStart);
  const auto known = cache.find("a", kStart + 1s - 1ns, kTimes);
  CHECK(known.use == Use::kAbsent);
  CHECK(known.why.message() == "none");
  CHECK(cache.find("a", kStart + 1s, kTimes).use == Use::kLookUp);
}

TEST_CASE("AfterALookupThatFailedWhatIsKnownAnswersForASecondWithoutAnother [D4]") {
  DnsCache cache;
  cache.failed("a", kStart);
  CHECK(cache.find("a", kStart, kTimes).use == Use::kLookUp);
  cache.found("a", one("192.0.2.1"), kStart);
  cache.failed("a", kStart + 50s);
  CHECK(cache.find("a", kStart + 50s, kTimes).use == Use::kServe);
  CHECK(cache.find("a", kStart + 51s, kTimes).use == Use::kRefresh);
  cache.failed("a", kStart + 70s);
  CHECK(cache.find("a", kStart + 70s, kTimes).use == Use::kRest);
  CHECK(cache.find("a", kStart + 71s, kTimes).use == Use::kStale);
}

TEST_CASE("TheHostsThatWereAskedForLastAreKept") {
  DnsCache cache;
  cache.found("wanted", one("192.0.2.1"), kStart);
  for (std::size_t i = 0; i < 3 * DnsCache::kMostHosts; ++i) {
    cache.found("host" + std::to_string(i), one("192.0.2.2"), kStart);
    CHECK(cache.find("wanted", kStart, kTimes).use == Use::kServe);
  }
  CHECK(cache.size() == DnsCache::kMostHosts);
  CHECK(cache.find("host0", kStart, kTimes).use == Use::kLookUp);
}

}  // namespace
}  // namespace tidegate::internal
