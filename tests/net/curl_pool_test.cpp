// SPDX-License-Identifier: Apache-2.0
// The connections of a transport: kept, reused, spoilt, closed, and never a second delivery.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/ports/rng.hpp"
#include "support/curl_in_test.hpp"
#include "support/deep.hpp"
#include "support/event.hpp"
#include "support/on_loop.hpp"
#include "support/scripted_http.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;
using internal::TransportReply;
using Peer = ScriptedHttp::Peer;
using Request = ScriptedHttp::Request;
using Exchanges = std::deque<Operation<TransportReply>>;

void silent(Peer&, const Request&) {}

// Answers the first request of a connection, and does `then` with the second.
ScriptedHttp::Script at_second(std::function<void(Peer&)> then) {
  return [then = std::move(then)](Peer& peer, const Request& request) {
    if (peer.requests() < 2) return peer.answer(request.target);
    then(peer);
  };
}

internal::TransportRequest post(std::string url, int most_sends = 1) {
  auto request = CurlInTest::request(std::move(url), "POST");
  request.body = Bytes(std::string("charge"));
  request.most_sends = most_sends;
  return request;
}

TEST_CASE("TwoThousandGetsAtSixtyFourAtOnceOpenSixtyFourConnections") {
  ScriptedHttp server;
  CurlInTest curl;
  Exchanges running;
  int good = 0, reused = 0;
  for (int i = 0; i < 2000; ++i) {
    if (running.size() == 64) {
      const TransportReply reply = *running.front().wait();
      good += reply.http_status == 200 ? 1 : 0;
      reused += reply.reused ? 1 : 0;
      running.pop_front();
    }
    const std::string target = "/" + std::to_string(i);
    running.push_back(curl.start(CurlInTest::request(server.url(target))));
  }
  for (; !running.empty(); running.pop_front()) {
    const TransportReply reply = *running.front().wait();
    good += reply.http_status == 200 ? 1 : 0;
    reused += reply.reused ? 1 : 0;
  }
  CHECK(good == 2000);
  CHECK(server.accepted() <= 64);
  CHECK(reused == 2000 - server.accepted());
  CHECK(server.requests() == 2000);
}

TEST_CASE("AThousandInFlightTakeNoThreadOfTheirOwn") {
  ScriptedHttp server({{"/", silent}});
  CurlInTest curl;
  CHECK(curl.get(server.url("/warm")).status.ok());
  const auto threads = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
  };
  const auto before = threads();
  Exchanges running;
  for (int i = 0; i < 1000; ++i) {
    running.push_back(curl.start(CurlInTest::request(server.url("/"))));
  }
  CHECK(eventually([&] { return server.requests() == 1001; }));
  CHECK(server.most_open() >= 1000);
  CHECK(threads() <= before);  // one that an earlier test joined may still have been listed
  for (const auto& operation : running) operation.cancel();
  for (const auto& operation : running) {
    CHECK(operation.wait()->status.cause() == Cause::kCancelled);
  }
  CHECK(eventually([&] { return server.open() <= 1; }));
}

TEST_CASE("AKeptConnectionThatItsServerClosedIsClosedHereAndNotUsed [C6]") {
  ScriptedHttp server;
  CurlInTest curl;
  const bool resets[] = {false, true};
  for (const bool by_reset : resets) {
    CAPTURE(by_reset);
    CHECK(curl.exchange(post(server.url("/a"))).status.ok());
    server.with_peers([by_reset](Peer& peer) { by_reset ? peer.reset() : peer.close(); });
    const TransportReply next = curl.exchange(post(server.url("/b")));
    CHECK_MESSAGE(next.status.ok(), next.status.to_string());
    CHECK(next.sends == 1);
    server.with_peers([](Peer& peer) { peer.close(); });
  }
  CHECK(server.requests() == 4);
}

TEST_CASE("WhatAServerSaysUnaskedAnswersNothing [B12] [B8]") {
  ScriptedHttp server;
  CurlInTest curl;
  for (int i = 0; i < test::repeat(20, 500); ++i) {
    CHECK(curl.exchange(post(server.url("/first"))).body.view() == "/first");
    server.with_peers([](Peer& peer) {
      peer.send("HTTP/1.1 408 Request Timeout\r\nContent-Length: 3\r\n\r\nlie");
    });
    const TransportReply next = curl.exchange(post(server.url("/second")));
    CHECK_MESSAGE(next.status.ok(), next.status.to_string());
    CHECK(next.body.view() == "/second");
    server.with_peers([](Peer& peer) { peer.close(); });
  }
}

// Ready for ever, so that the shard fetches no turn's events whole.
class Noise final : public internal::Io {
 public:
  explicit Noise(CurlInTest& curl) : curl_(curl) {
    on_loop(curl_.shard(), [this] {
      for (auto& fd : descriptors_) {
        fd = internal::Descriptor(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
        REQUIRE(curl_.shard().watch(fd.get(), EPOLLIN, *this).ok());
      }
    });
  }
  Noise(const Noise&) = delete;
  Noise& operator=(const Noise&) = delete;
  ~Noise() {
    on_loop(curl_.shard(), [this] {
      for (const auto& fd : descriptors_) curl_.shard().unwatch(fd.get(), *this);
    });
  }

 private:
  void io(std::uint32_t) noexcept override {}
  CurlInTest& curl_;
  std::array<internal::Descriptor, 200> descriptors_;
};

TEST_CASE("WhatAServerSaysUnaskedAnswersNothingAlsoWhereTheShardIsBusy [B12]") {
  ScriptedHttp server;
  CurlInTest curl;
  const Noise noise(curl);
  for (int i = 0; i < test::repeat(20, 200); ++i) {
    CHECK(curl.exchange(post(server.url("/first"))).body.view() == "/first");
    Operation<TransportReply> next;
    // In one turn: it comes, and the next request begins before the shard is told of it.
    on_loop(curl.shard(), [&] {
      server.with_peers([](Peer& peer) {
        peer.send("HTTP/1.1 408 Request Timeout\r\nContent-Length: 3\r\n\r\nlie");
      });
      next = curl.start(post(server.url("/second")));
    });
    const TransportReply reply = *next.wait();
    CHECK_MESSAGE(reply.status.ok(), reply.status.to_string());
    CHECK(reply.body.view() == "/second");
    server.with_peers([](Peer& peer) { peer.close(); });
  }
}

TEST_CASE("BytesBehindAnAnswerSpoilItsConnection [B8] [B12]") {
  ScriptedHttp server({{"/more",
                        [](Peer& peer, const Request&) {
                          peer.send(
                              "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n"
                              "Content-Length: 3\r\n\r\nlie");
                        }},
                       {"/none", [](Peer& peer, const Request&) {
                          peer.send(
                              "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n"
                              "Content-Length: 3\r\n\r\nlie");
                        }}});
  CurlInTest curl;
  CHECK(curl.get(server.url("/more")).body.view() == "ok");
  CHECK(curl.get(server.url("/a")).body.view() == "/a");
  CHECK(curl.get(server.url("/none")).http_status == 204);
  CHECK(curl.get(server.url("/b")).body.view() == "/b");
}

TEST_CASE("APostIsDeliveredAtMostOnce [C5] [P8]") {
  const std::vector<std::function<void(Peer&)>> deaths = {[](Peer& peer) { peer.close(); },
                                                          [](Peer& peer) { peer.reset(); }};
  for (const auto& death : deaths) {
    ScriptedHttp server({{"/pay", at_second(death)}});
    CurlInTest curl;
    CHECK(curl.exchange(post(server.url("/pay"))).status.ok());
    const TransportReply reply = curl.exchange(post(server.url("/pay")));
    CHECK_MESSAGE(reply.status.cause() == Cause::kConnectionLost, reply.status.to_string());
    CHECK(reply.sends == 1);
    CHECK(server.requests() == 2);
  }
}

TEST_CASE("WhatMayBeSentTwiceIsSentAgainOverANewConnection [C6] [P8]") {
  ScriptedHttp server({{"/get", at_second([](Peer& peer) { peer.close(); })}});
  CurlInTest curl;
  auto request = CurlInTest::request(server.url("/get"));
  request.most_sends = 2;
  CHECK(curl.exchange(request).status.ok());
  const TransportReply reply = curl.exchange(request);
  CHECK_MESSAGE(reply.status.ok(), reply.status.to_string());
  CHECK(reply.sends == 2);
  CHECK_FALSE(reply.reused);
  CHECK(server.requests() == 3);
  CHECK(server.accepted() == 2);
}

TEST_CASE("ASpoiltConnectionIsClosedWithoutAnotherRequest") {
  ScriptedHttp server;
  CurlInTest curl;
  CHECK(curl.get(server.url("/")).status.ok());
  CHECK(curl.connections() == 1);
  server.with_peers([](Peer& peer) { peer.close(); });
  CHECK(eventually([&] { return curl.connections() == 0; }));
}

TEST_CASE("OfThoseThatAreIdleForLongAsManyStayAsShall") {
  ScriptedHttp server;
  CurlInTest curl(internal::CurlKept{.max_idle = 100ms, .idle = 2});
  const auto burst = [&] {
    Exchanges running;
    for (int i = 0; i < 6; ++i) running.push_back(curl.start(CurlInTest::request(server.url("/"))));
    for (const auto& operation : running) CHECK(operation.wait()->status.ok());
  };
  REQUIRE(eventually([&] {
    burst();
    return curl.connections() > 2;
  }));
  CHECK(eventually([&] { return curl.connections() == 2; }));
  CHECK(eventually([&] { return server.open() == 2; }));
  CHECK(curl.get(server.url("/")).reused);
}

TEST_CASE("WhoMayNotOpenAConnectionUsesAKeptOneOrSendsNothing") {
  ScriptedHttp server;
  CurlInTest curl;
  auto modest = CurlInTest::request(server.url("/"));
  modest.may_open = false;
  const TransportReply none = curl.exchange(modest);
  CHECK(none.wants_connection);
  CHECK_FALSE(none.status.ok());
  CHECK(none.sends == 0);
  CHECK(server.accepted() == 0);
  CHECK(curl.get(server.url("/")).status.ok());
  const TransportReply kept = curl.exchange(modest);
  CHECK_MESSAGE(kept.status.ok(), kept.status.to_string());
  CHECK_FALSE(kept.wants_connection);
  CHECK(kept.reused);
}

TEST_CASE("AConnectionWhoseLifeIsOverIsClosedAlsoWhereItMightStay") {
  ScriptedHttp server;
  CurlInTest curl(internal::CurlKept{.max_idle = 100ms, .life = 1s});
  CHECK(curl.get(server.url("/")).status.ok());
  CHECK(eventually([&] { return curl.connections() == 0 && server.open() == 0; }));
  CHECK(curl.get(server.url("/")).status.ok());
}

TEST_CASE("LivesThatBeginTogetherDoNotEndTogether") {
  std::vector<Duration> lives;
  for (std::uint64_t cookie = 1; cookie <= 50; ++cookie) {
    lives.push_back(internal::CurlSocket::life(10min, cookie));
  }
  const auto [shortest, longest] = std::minmax_element(lives.begin(), lives.end());
  CHECK(*shortest >= 9min);
  CHECK(*longest <= internal::CurlSocket::longest_life(10min));
  CHECK(*longest - *shortest > 1min);
}

TEST_CASE("AConnectionThatWasIdleForLongIsClosedWithoutAnotherRequest") {
  ScriptedHttp server;
  CurlInTest curl(internal::CurlKept{.max_idle = 1s, .idle = 0});
  CHECK(curl.get(server.url("/")).status.ok());
  // Not where the machine stands still for a second between two of them.
  REQUIRE(eventually([&] { return curl.get(server.url("/")).reused; }));
  const int accepted = server.accepted();
  CHECK(eventually([&] { return server.open() == 0; }));
  CHECK(curl.connections() == 0);
  CHECK(server.accepted() == accepted);
}

TEST_CASE("ACancelAtAnyPointEndsTheExchangeAndNothingIsLost [C2] [C3]") {
  ScriptedHttp server({{"/slow",
                        [](Peer& peer, const Request&) {
                          peer.send_bytewise("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123");
                        }},
                       {"/silent", silent}});
  CurlInTest curl;
  internal::Rng rng(7);
  const char* const paths[] = {"/ok", "/slow", "/silent"};
  const int rounds = test::repeat(1'000, 16'000);
  Exchanges running;
  int ended = 0, cancelled = 0;
  const auto end_one = [&] {
    const auto result = running.front().wait();
    REQUIRE(result.ok());
    ended += 1;
    cancelled += result->status.cause() == Cause::kCancelled ? 1 : 0;
    if (result->status.ok()) CHECK(result->body.view() == "/ok");
    running.pop_front();
  };
  for (int i = 0; i < rounds; ++i) {
    running.push_back(curl.start(CurlInTest::request(server.url(paths[rng.below(3)]))));
    if (rng.below(2) == 0) running[rng.below(running.size())].cancel();
    if (running.size() < 32) continue;
    running.front().cancel();
    end_one();
  }
  for (const auto& operation : running) operation.cancel();
  while (!running.empty()) end_one();
  CHECK(ended == rounds);
  CHECK(cancelled > rounds / 4);
  for (int i = 0; i < 5; ++i) {
    const TransportReply reply = curl.get(server.url("/after"));
    CHECK_MESSAGE(reply.status.ok(), reply.status.to_string());
  }
  CHECK(eventually([&] { return server.open() <= 100; }));
}

// A request that its server has seen, and that its caller gives up then.
void ask_and_give_up(CurlInTest& curl, ScriptedHttp& server) {
  const int before = server.requests();
  const auto given_up = curl.start(CurlInTest::request(server.url("/silent")));
  REQUIRE(eventually([&] { return server.requests() == before + 1; }));
  given_up.cancel();
  CHECK(given_up.wait()->status.cause() == Cause::kCancelled);
}

TEST_CASE("AConnectionWhoseAnswerComesSoonAfterACancelServesTheNext [C2]") {
  ScriptedHttp server({{"/silent", silent}});
  CurlInTest curl;
  // Not where the machine stands still for as long as the rest of an answer is waited for.
  CHECK(eventually([&] {
    ask_and_give_up(curl, server);
    server.with_peers([](Peer& peer) { peer.answer("too late"); });
    CHECK(eventually([&] { return server.open() == 0 || curl.is_idle(); }));
    const TransportReply next = curl.get(server.url("/next"));
    CHECK(next.body.view() == "/next");
    return next.reused;
  }));
}

TEST_CASE("AConnectionWhoseAnswerDoesNotComeAfterACancelIsClosed [C2]") {
  ScriptedHttp server({{"/silent", silent}});
  CurlInTest curl;
  ask_and_give_up(curl, server);
  CHECK(eventually([&] { return server.open() == 0; }));
  CHECK(curl.connections() == 0);
  CHECK(curl.get(server.url("/next")).body.view() == "/next");
}

TEST_CASE("ALongAnswerIsNotReadToItsEndForNobody [C2]") {
  ScriptedHttp server({{"/silent", silent}});
  CurlInTest curl;
  ask_and_give_up(curl, server);
  server.with_peers([](Peer& peer) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + std::string(70'000, 'x'));
  });
  CHECK(eventually([&] { return server.open() == 0; }));
  CHECK(curl.connections() == 0);
}

TEST_CASE("WhatIsStillSentWhenItsCallerGoesStaysWhole [C2]") {
  ScriptedHttp server({{"/silent", silent}});
  for (int round = 0; round < 20; ++round) {
    CurlInTest curl;
    auto large = post(server.url("/silent"));
    large.body = Bytes(std::string(4 << 20, 'y'));  // more than a socket takes at once
    const auto given_up = curl.start(std::move(large));
    given_up.cancel();
    CHECK(given_up.wait()->status.cause() == Cause::kCancelled);
  }
  CHECK(eventually([&] { return server.open() == 0; }));
}

TEST_CASE("TheBodiesOfAllTransfersTogetherAreBounded [B5]") {
  const auto half = [](Peer& peer, const Request&) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + std::string(600, 'x'));
  };
  ScriptedHttp server({{"/half", half}});
  CurlInTest curl(internal::CurlKept{.bytes = 1000});
  const auto first = curl.start(CurlInTest::request(server.url("/half")));
  const auto second = curl.start(CurlInTest::request(server.url("/half")));
  // Whichever came second.
  CHECK(eventually([&] { return first.done() || second.done(); }));
  const auto& refused = first.done() ? first : second;
  const auto& goes_on = first.done() ? second : first;
  const TransportReply reply = *refused.wait();
  CHECK_MESSAGE(reply.status.cause() == Cause::kLocalResource, reply.status.to_string());
  CHECK_FALSE(goes_on.done());
  CHECK(curl.get(server.url("/small")).status.ok());  // there is room for what is short
  goes_on.cancel();
  CHECK(goes_on.wait()->status.cause() == Cause::kCancelled);
}

TEST_CASE("ATransferThatHasBegunEndsWithTheShard") {
  ScriptedHttp server({{"/", silent}});
  std::vector<Operation<TransportReply>> running;
  {
    CurlInTest curl;
    for (int i = 0; i < 20; ++i) {
      running.push_back(curl.start(CurlInTest::request(server.url("/"))));
    }
    CHECK(eventually([&] { return server.requests() == 20; }));
  }
  for (const auto& operation : running) {
    CHECK(operation.wait()->status.cause() == Cause::kClosed);
  }
  CHECK(eventually([&] { return server.open() == 0; }));
}

TEST_CASE("AnIdleShardRestsBesideKeptConnectionsAndGoesOnWithThem") {
  ScriptedHttp server;
  CurlInTest curl;
  for (int i = 0; i < 5; ++i) {
    CHECK(curl.get(server.url("/")).status.ok());
    CHECK(eventually([&] { return curl.shard().quiesce(); }));
  }
  CHECK(server.accepted() == 1);
}

}  // namespace
}  // namespace tidegate::test
