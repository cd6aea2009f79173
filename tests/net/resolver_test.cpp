// SPDX-License-Identifier: Apache-2.0
// The resolver below the transport: what it looks up, for whom, and who waits.
#include "net/resolver.hpp"

#include <doctest/doctest.h>

#include <new>
#include <string>
#include <utility>
#include <vector>

#include "net/proxy_url.hpp"
#include "support/curl_in_test.hpp"
#include "support/event.hpp"
#include "support/lookups.hpp"
#include "support/scripted_http.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;

internal::ResolverOptions with(const Lookups& lookups, Duration hangs_after = 1h,
                               Duration patience = 1h) {
  internal::ResolverOptions options;
  options.look_up = lookups;
  options.hangs_after = hangs_after;
  options.patience = patience;
  return options;
}

std::string at(const std::string& host, const ScriptedHttp& server) {
  return "http://" + host + ":" + std::to_string(server.port()) + "/";
}

// An answer that is stale at once.
internal::TransportRequest of_old(const std::string& url) {
  auto request = CurlInTest::request(url);
  request.dns.ttl = 0s;
  request.dns.stale_for = 1h;
  return request;
}

bool says(const internal::TransportReply& reply, std::string_view part) {
  return reply.status.message().find(part) != std::string_view::npos;
}

TEST_CASE("AnInventedHostIsReachedAndKeepsItsNameInTheRequest") {
  const ScriptedHttp server;
  const Lookups lookups;
  lookups.answer("cars.test", {"127.0.0.1"});
  CurlInTest curl(with(lookups));
  for (const char* const host : {"cars.test", "CARS.Test"}) {
    const auto reply = curl.get(at(host, server));
    CHECK_MESSAGE(reply.status.ok(), reply.status.to_string());
  }
  CHECK(lookups.begun("cars.test") == 1);
  CHECK(curl.get(at("cars.test", server)).reused);
}

TEST_CASE("WhoWantsTheSameHostWaitsForOneLookup [D1]") {
  const ScriptedHttp server;
  const Lookups lookups;
  const Event over;
  lookups.hang("cars.test", over, {.addresses = {"127.0.0.1"}});
  CurlInTest curl(with(lookups));
  std::vector<Operation<internal::TransportReply>> all;
  for (int i = 0; i < 20; ++i)
    all.push_back(curl.start(CurlInTest::request(at("cars.test", server))));
  CHECK(eventually([&] { return lookups.begun("cars.test") == 1; }));
  over.set();
  for (const auto& one : all) CHECK(one.wait()->status.ok());
  CHECK(lookups.begun("cars.test") == 1);
}

TEST_CASE("AHostWithoutAnAddressIsSaidToHaveNone [D2]") {
  const Lookups lookups;
  CurlInTest curl(with(lookups));
  for (int i = 0; i < 3; ++i) {  // the second time from what is known
    const auto reply = curl.get("http://nowhere.invalid/");
    CHECK(reply.status.cause() == Cause::kDns);
    CHECK(says(reply,
               "GET http://nowhere.invalid/: no address for the host 'nowhere.invalid' after "));
    CHECK(says(reply, "Name or service not known"));
    CHECK(reply.sends == 0);
  }
}

TEST_CASE("AProxyWhoseNameNobodyKnowsIsItsFaultAndTheHostIsNotLookedUp") {
  const Lookups lookups;
  CurlInTest curl(with(lookups));
  auto request = CurlInTest::request("http://cars.test/");
  request.route = *internal::proxy_route("http://me:hunter2@nowhere.invalid:1");
  const auto reply = curl.exchange(std::move(request));
  CHECK_MESSAGE(reply.status.cause() == Cause::kProxy, reply.status.to_string());
  CHECK(says(reply, "nowhere.invalid"));
  CHECK_FALSE(says(reply, "hunter"));
  CHECK(lookups.begun("cars.test") == 0);
}

TEST_CASE("ALookupThatOnlyFailsNowIsMadeAgain [D2]") {
  const ScriptedHttp server;
  const Lookups lookups;
  lookups.fail("cars.test", EAI_AGAIN);
  CurlInTest curl(with(lookups));
  CHECK(curl.get(at("cars.test", server)).status.cause() == Cause::kDns);
  lookups.answer("cars.test", {"127.0.0.1"});
  CHECK(curl.get(at("cars.test", server)).status.ok());
  CHECK(lookups.begun("cars.test") == 2);
}

TEST_CASE("AStaleAnswerServesWhereTheLookupFailsButNotWhereTheHostIsGone [D4]") {
  const ScriptedHttp server;
  const Lookups lookups;
  lookups.answer("cars.test", {"127.0.0.1"});
  CurlInTest curl(with(lookups));
  CHECK(curl.exchange(of_old(at("cars.test", server))).status.ok());
  lookups.fail("cars.test", EAI_AGAIN);
  CHECK(curl.exchange(of_old(at("cars.test", server))).status.ok());
  CHECK(lookups.begun("cars.test") == 2);
  const Lookups others;
  others.answer("cars.test", {"127.0.0.1"});
  CurlInTest other(with(others));
  CHECK(other.exchange(of_old(at("cars.test", server))).status.ok());
  others.fail("cars.test", EAI_NONAME);
  CHECK(other.exchange(of_old(at("cars.test", server))).status.cause() == Cause::kDns);
}

TEST_CASE("AStaleAnswerServesWhereTheLookupIsLate [D4]") {
  const ScriptedHttp server;
  const Lookups lookups;
  lookups.answer("cars.test", {"127.0.0.1"});
  const Event over;
  {
    CurlInTest curl(with(lookups, 1h, 1ms));
    CHECK(curl.exchange(of_old(at("cars.test", server))).status.ok());
    lookups.hang("cars.test", over, {.addresses = {"127.0.0.1"}});
    for (int i = 0; i < 3; ++i) CHECK(curl.exchange(of_old(at("cars.test", server))).status.ok());
    CHECK(eventually([&] { return lookups.begun("cars.test") == 2; }));
    over.set();
  }
  CHECK(lookups.begun("cars.test") == 2);
}

TEST_CASE("ANewAddressIsTakenWithTheNextLookup [D4]") {
  const ScriptedHttp server;
  const Lookups lookups;
  lookups.answer("cars.test", {"127.0.0.2"});  // nobody listens there
  CurlInTest curl(with(lookups));
  CHECK(curl.exchange(of_old(at("cars.test", server))).status.cause() == Cause::kConnect);
  lookups.answer("cars.test", {"127.0.0.1"});
  CHECK(curl.exchange(of_old(at("cars.test", server))).status.ok());
}

TEST_CASE("LookupsThatHangAreReplacedAndTheirCallersLeaveInTheirOwnTime [D1]") {
  const ScriptedHttp server;
  const Lookups lookups;
  const Event over;
  lookups.answer("cars.test", {"127.0.0.1"});
  CurlInTest curl(with(lookups, 20ms));
  std::vector<Operation<internal::TransportReply>> stuck;
  for (int i = 0; i < 4; ++i) {  // all the threads
    const std::string host = "hangs" + std::to_string(i) + ".test";
    lookups.hang(host, over, {.failed = EAI_AGAIN});
    stuck.push_back(curl.start(CurlInTest::request(at(host, server))));
  }
  // In the end: on a slow machine a good lookup may be taken for one that hangs, too.
  CHECK(eventually([&] { return curl.get(at("cars.test", server)).status.ok(); }));
  for (const auto& one : stuck) {
    const auto reply = *one.wait();
    CHECK(reply.status.cause() == Cause::kDns);
    CHECK_MESSAGE(says(reply, "the resolver does not answer"), reply.status.to_string());
  }
  over.set();
}

TEST_CASE("WhoIsLateOrCancelledDoesNotWaitForALookup [D1]") {
  const Lookups lookups;
  const Event over;
  lookups.hang("hangs.test", over, {.failed = EAI_AGAIN});
  CurlInTest curl(with(lookups));
  auto short_of_time = CurlInTest::request("http://hangs.test/");
  short_of_time.connect_timeout = 10ms;
  const auto late = curl.start(std::move(short_of_time));
  const auto bounded = curl.start(CurlInTest::request("http://hangs.test/"), Deadline::after(10ms));
  const auto cancelled = curl.start(CurlInTest::request("http://hangs.test/"));
  CHECK(eventually([&] { return lookups.begun("hangs.test") == 1; }));
  cancelled.cancel();
  CHECK(cancelled.wait()->status.cause() == Cause::kCancelled);
  CHECK(late.wait()->status.cause() == Cause::kConnectTimeout);
  CHECK(bounded.wait()->status.cause() == Cause::kDeadline);
  over.set();
}

TEST_CASE("PastTheMostZombiesLookupsWaitForAThreadAndThoseNobodyWantsGetNone [D1]") {
  const ScriptedHttp server;
  const Lookups lookups;
  const Event over;
  auto options = with(lookups, 1ms);
  options.most_zombies = 0;
  CurlInTest curl(options);
  auto request = CurlInTest::request("http://hangs.test/");
  request.dns.threads = 1;
  lookups.hang("hangs.test", over, {.failed = EAI_AGAIN});
  CHECK(curl.exchange(request).status.cause() == Cause::kDns);
  auto waits = CurlInTest::request("http://other.test/");
  waits.dns.threads = 1;
  waits.connect_timeout = 1ms;
  CHECK(curl.exchange(waits).status.cause() == Cause::kConnectTimeout);
  lookups.answer("cars.test", {"127.0.0.1"});
  auto good = CurlInTest::request(at("cars.test", server));
  good.dns.threads = 1;
  const auto later = curl.start(good);
  CHECK_FALSE(later.done());
  CHECK(lookups.begun("cars.test") == 0);
  over.set();
  // In the end: on a slow machine it may be taken for one that hangs, too.
  CHECK(eventually([&] { return curl.exchange(good).status.ok(); }));
  (void)later.wait();
  CHECK(lookups.begun("other.test") == 0);
}

// At once: half of the time to connect, which libcurl gives an address, is more than a test has.
TEST_CASE("OfManyAddressesTheNextIsTriedWhereOneTakesNoConnection [D2] [D3]") {
  const ScriptedHttp server;  // at 127.0.0.1 alone
  const Lookups lookups;
  lookups.answer("cars.test", {"::1", "127.0.0.2", "127.0.0.3", "127.0.0.1"});
  CurlInTest curl(with(lookups));
  auto request = CurlInTest::request(at("cars.test", server));
  request.connect_timeout = request.attempt_timeout = 2h;
  const auto reply = curl.exchange(std::move(request));
  CHECK_MESSAGE(reply.status.ok(), reply.status.to_string());
}

TEST_CASE("TheAddressThatALookupFindsIsJudgedBeforeItIsConnectedTo [D5]") {
  const ScriptedHttp server;
  const Lookups lookups;
  lookups.answer("cars.test", {"127.0.0.1"});
  CurlInTest curl(with(lookups));
  auto request = CurlInTest::request(at("cars.test", server));
  request.public_only = true;
  CHECK(curl.exchange(std::move(request)).status.cause() == Cause::kBlockedAddress);
  CHECK(server.accepted() == 0);
}

TEST_CASE("ALookupThatHasNoMemoryCostsItsRequestAndNoThread") {
  const ScriptedHttp server;
  const Lookups lookups;
  lookups.answer("cars.test", {"127.0.0.1"});
  auto options = with(lookups);
  options.look_up = [lookups](const std::string& host) {
    if (host == "large.test") throw std::bad_alloc();
    return lookups(host);
  };
  CurlInTest curl(options);
  for (int i = 0; i < 8; ++i) {  // more than there are threads
    CHECK(curl.get(at("large.test", server)).status.cause() == Cause::kNoMemory);
  }
  CHECK(curl.get(at("cars.test", server)).status.ok());
}

TEST_CASE("AnAddressIsNotLookedUp") {
  const Lookups lookups;
  for (const char* const host : {"127.0.0.1", "[::1]", "localhost", "cars.localhost"}) {
    CHECK(internal::needs_no_lookup(host));
  }
  CHECK_FALSE(internal::needs_no_lookup("cars.test"));
  CHECK_FALSE(internal::needs_no_lookup("127.0.0.1.test"));
  const ScriptedHttp server;
  CurlInTest curl(with(lookups));
  CHECK(curl.get(server.url("/")).status.ok());
  CHECK(lookups.begun("127.0.0.1") == 0);
}

TEST_CASE("WhatALookupTookIsInTheTimesOfItsRequest") {
  const ScriptedHttp server;
  const Lookups lookups;
  const Event over;
  lookups.hang("cars.test", over, {.addresses = {"127.0.0.1"}});
  CurlInTest curl(with(lookups));
  const auto asking = curl.start(CurlInTest::request(at("cars.test", server)));
  CHECK(eventually([&] { return lookups.begun("cars.test") == 1; }));
  over.set();
  const auto timings = asking.wait()->timings;
  CHECK(timings.dns > Duration::zero());
  CHECK(timings.first_byte >= timings.dns);
  CHECK(timings.total >= timings.first_byte);
}

TEST_CASE("ALookupThatHangsDelaysTheEndForNoLongerThanItIsGiven [D1]") {
  const Lookups lookups;
  const Event over;
  lookups.hang("hangs.test", over, {.failed = EAI_AGAIN});
  internal::Shard shard;
  internal::CurlTransport transport(shard, {}, with(lookups));
  auto* const exchange = new ExchangeOperation(
      shard, transport, CurlInTest::request("http://hangs.test/"), Deadline::never());
  const Operation<internal::TransportReply> stuck(exchange->begin());
  CHECK(eventually([&] { return lookups.begun("hangs.test") == 1; }));
  const auto& workers = transport.resolver().workers();
  CHECK_FALSE(workers->quiesce());
  shard.close();
  CHECK(stuck.wait()->status.cause() == Cause::kClosed);
  CHECK(shard.join(Deadline::after(30s)) == 0);
  CHECK(workers->join(Deadline::after(1ms)) == 1);
  over.set();
  CHECK(workers->join(Deadline::after(30s)) == 0);
}

}  // namespace
}  // namespace tidegate::test
