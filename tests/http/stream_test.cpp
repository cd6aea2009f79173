// SPDX-License-Identifier: Apache-2.0
// Bodies that are read while they come, from a server that does as it is told.
#include "tidegate/stream.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "support/deep.hpp"
#include "support/encode.hpp"
#include "support/event.hpp"
#include "support/patient_http.hpp"
#include "support/scripted_http.hpp"
#include "support/tls_server.hpp"
#include "tidegate/http.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;
using Peer = ScriptedHttp::Peer;
using Seen = ScriptedHttp::Request;

constexpr std::size_t kMiB = std::size_t{1} << 20;

Status read_all(const ResponseStream& stream, std::string& text, std::size_t most = 65536) {
  for (;;) {
    const auto chunk = stream.read(most).wait();
    if (!chunk.ok() || chunk->empty()) return chunk.status();
    text += chunk->view();
  }
}

std::string numbers(std::size_t size) {
  std::string text;
  for (int i = 0; text.size() < size; ++i) text += std::to_string(i) + "\n";
  return text;
}

void endless(Peer& peer, const Seen&) {
  peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nfirst");
}

TEST_CASE("TheHeadIsThereBeforeTheBodyAndTheBodyAsItComes") {
  ScriptedHttp server({{"/slow", endless}});
  const Client http(patient("stream-head"));
  const auto stream = http.get(server.url("/slow")).stream().wait();
  REQUIRE_MESSAGE(stream.ok(), stream.status().to_string());
  CHECK(stream->head.status == 200);
  CHECK(stream->head.headers.find("content-length") == "1000000");
  CHECK(stream->head.body.empty());
  CHECK(stream->head.attempts == 1);
  CHECK(stream->head.url == server.url("/slow"));
  CHECK(stream->read().wait()->view() == "first");
  const auto more = stream->read();
  server.with_peers([](Peer& peer) { peer.send("second"); });
  CHECK(more.wait()->view() == "second");
}

TEST_CASE("ALargeBodyComesWholeWhateverItsFramingItsCodingAndTheReader") {
  const std::string body = numbers(8 * kMiB);
  ScriptedHttp server({
      {"/plain", [&](Peer& peer, const Seen&) { peer.answer(body); }},
      {"/gzip",
       [&](Peer& peer, const Seen&) {
         peer.answer(encode("gzip", body), "Content-Encoding: gzip\r\n");
       }},
      {"/chunked",
       [&](Peer& peer, const Seen&) {
         peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
         for (std::size_t i = 0; i < body.size(); i += 100'000) {
           const auto chunk = std::string_view(body).substr(i, 100'000);
           char size[32];
           (void)std::snprintf(size, sizeof size, "%zx\r\n", chunk.size());
           peer.send(size + std::string(chunk) + "\r\n");
         }
         peer.send("0\r\n\r\n");
       }},
      {"/closes",
       [&](Peer& peer, const Seen&) {
         peer.send("HTTP/1.1 200 OK\r\n\r\n");
         peer.send(body);
         peer.close();
       }},
  });
  const Client http(patient("stream-large").max_body(1000));  // which is not for streams
  for (const char* const path : {"/plain", "/gzip", "/chunked", "/closes"}) {
    for (const std::size_t most : {10'000UL, 65'536UL, 10 * kMiB}) {
      CAPTURE(path);
      const auto stream = http.get(server.url(path)).stream().wait();
      REQUIRE_MESSAGE(stream.ok(), stream.status().to_string());
      CHECK_FALSE(stream->head.headers.contains("Content-Encoding"));
      std::string text;
      const Status ended = read_all(*stream, text, most);
      CHECK_MESSAGE(ended.ok(), ended.to_string());
      CHECK(text == body);
    }
  }
  CHECK(server.accepted() == 3);  // but for what closes, one connection
  CHECK(eventually([&] { return http.stats().in_flight == 0; }));
}

// The answer may be there before libcurl has told of the socket.
TEST_CASE("AKeptConnectionThatStandsStillIsNotTakenForAnIdleOne") {
  const std::string body = numbers(kMiB);
  ScriptedHttp server({{"/", [&](Peer& peer, const Seen&) { peer.answer(body); }}});
  const Client http(patient("stream-kept-still"));
  for (int i = 0; i < repeat(30, 1000); ++i) {
    const auto stream = http.get(server.url("/")).stream().wait();
    REQUIRE_MESSAGE(stream.ok(), stream.status().to_string());
    std::string text;
    const Status ended = read_all(*stream, text);
    REQUIRE_MESSAGE(ended.ok(), ended.to_string());
    REQUIRE(text == body);
  }
  CHECK(server.accepted() == 1);
}

TEST_CASE("AStreamThatNobodyReadsHoldsUpNobodyAndKeepsItsPlace [B13]") {
  const std::string body = numbers(32 * kMiB);
  ScriptedHttp large({{"/", [&](Peer& peer, const Seen&) { peer.answer(body); }}});
  ScriptedHttp small;
  const Client http(patient("stream-paused").max_connections(2));
  const auto stream = http.get(large.url("/")).stream().wait();
  REQUIRE(stream.ok());
  for (int i = 0; i < 50; ++i) REQUIRE(http.get(small.url("/a")).start().wait().ok());
  CHECK(http.stats().in_flight == 1);
  std::string text;
  CHECK(read_all(*stream, text).ok());
  CHECK(text == body);
  CHECK(eventually([&] { return http.stats().in_flight == 0; }));
}

// What OpenSSL has decrypted already is no news of the socket's.
TEST_CASE("AStreamOverTlsThatStandsStillComesWhole") {
  const std::string body = numbers(8 * kMiB);
  const TlsServer server("IP:127.0.0.1", {"-WWW"});
  std::ofstream(server.directory() + "/body", std::ios::binary) << body;
  const Client http(patient("stream-tls").ca_file(server.certificate()));
  for (const std::size_t most : {5'000UL, 65'536UL}) {
    const auto stream = http.get(server.url() + "body").stream().wait();
    REQUIRE_MESSAGE(stream.ok(), stream.status().to_string());
    std::string text;
    const Status ended = read_all(*stream, text, most);
    CHECK_MESSAGE(ended.ok(), ended.to_string());
    CHECK(text == body);
  }
}

TEST_CASE("AStreamThatIsClosedOrDroppedGivesItsPlaceBackAndItsConnectionUp") {
  ScriptedHttp server({{"/slow", endless}});
  const Client http(patient("stream-closed").max_connections(1));
  {
    auto stream = http.get(server.url("/slow")).stream().wait();
    REQUIRE(stream.ok());
    const ResponseStream copy = *stream;
    const auto read = copy.read();
    CHECK(read.wait()->view() == "first");
    const auto waits = copy.read();
    stream->close();
    CHECK(waits.wait().status().cause() == Cause::kClosed);
    CHECK(copy.read().wait().status().cause() == Cause::kClosed);
  }
  CHECK(http.get(server.url("/a")).start().wait().ok());
  for (int i = 0; i < 20; ++i) {
    CHECK(http.get(server.url("/slow")).stream().wait().ok());  // and dropped
  }
  CHECK(http.get(server.url("/a")).start().wait().ok());
  CHECK(eventually([&] { return http.stats().in_flight == 0; }));
  CHECK(eventually([&] { return server.open() <= 1; }));
}

TEST_CASE("WhatIsReadToItsEndLeavesItsConnectionForTheNext") {
  ScriptedHttp server;
  const Client http(patient("stream-kept"));
  for (int i = 0; i < 5; ++i) {
    const auto stream = http.get(server.url("/hello")).stream().wait();
    REQUIRE(stream.ok());
    std::string text;
    CHECK(read_all(*stream, text).ok());
    CHECK(text == "/hello");
    CHECK(stream->head.reused == (i > 0));
  }
  CHECK(server.accepted() == 1);
}

TEST_CASE("AttemptsAndRedirectsAreOverBeforeAStreamBegins") {
  ScriptedHttp server({
      {"/busy",
       [](Peer& peer, const Seen&) {
         if (peer.requests() > 2) return peer.answer("at last");
         peer.send("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\nRetry-After-Ms: 0\r\n\r\nbusy");
       }},
      {"/down",
       [](Peer& peer, const Seen&) {
         peer.send("HTTP/1.1 503 Down\r\nContent-Length: 4\r\n\r\ndown");
       }},
      {"/away",
       [](Peer& peer, const Seen&) {
         peer.send("HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 4\r\n\r\naway");
       }},
  });
  const Client http(patient("stream-again"));
  std::string text;
  const auto busy = http.get(server.url("/busy")).stream().wait();
  REQUIRE(busy.ok());
  CHECK(busy->head.status == 200);
  CHECK(busy->head.attempts == 3);
  CHECK(busy->head.history.size() == 3);
  CHECK(read_all(*busy, text).ok());
  CHECK(text == "at last");
  const auto down = http.get(server.url("/down")).attempts(2).stream().wait();
  REQUIRE(down.ok());
  CHECK(down->head.status == 503);
  CHECK(down->head.attempts == 2);
  CHECK(read_all(*down, text).ok());
  const auto there = http.get(server.url("/away")).stream().wait();
  REQUIRE(there.ok());
  CHECK(there->head.redirects == 1);
  CHECK(read_all(*there, text).ok());
  CHECK(text == "at lastdown/there");
}

TEST_CASE("AnAnswerThatWasKeptForAnotherAttemptIsAStreamWhereThereIsNone") {
  const std::string body = encode("gzip", "down");
  ScriptedHttp server({{"/down", [&](Peer& peer, const Seen&) {
                          peer.send(
                              "HTTP/1.1 503 Down\r\nContent-Encoding: gzip\r\n"
                              "Retry-After: 3600\r\nContent-Length: " +
                              std::to_string(body.size()) + "\r\n\r\n" + body);
                        }}});
  const Client http(patient("stream-kept-answer"));
  const auto down = http.get(server.url("/down")).stream().wait();
  REQUIRE(down.ok());
  CHECK(down->head.status == 503);
  CHECK_FALSE(down->head.headers.contains("Content-Encoding"));
  std::string text;
  CHECK(read_all(*down, text).ok());
  CHECK(text == "down");
}

TEST_CASE("ABodyThatBreaksOffIsAFailureOfTheRead [B7]") {
  ScriptedHttp server({{"/cut",
                        [](Peer& peer, const Seen&) {
                          peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
                          peer.close();
                        }},
                       {"/slow", endless}});
  const Client http(patient("stream-cut"));
  std::string text;
  const auto cut = http.get(server.url("/cut?token=hunter2")).stream().wait();
  REQUIRE(cut.ok());
  const Status lost = read_all(*cut, text);
  CHECK(lost.cause() == Cause::kConnectionLost);
  CHECK(lost.message().find("hunter2") == std::string_view::npos);
  CHECK(text == "half");
  const auto silent = http.get(server.url("/slow")).read_timeout(30ms).stream().wait();
  REQUIRE(silent.ok());
  CHECK(read_all(*silent, text).cause() == Cause::kReadTimeout);
  const auto late = http.get(server.url("/slow")).timeout(200ms).stream().wait();
  if (late.ok()) {
    const Status why = read_all(*late, text);
    CHECK(why.cause() == Cause::kDeadline);
    CHECK_MESSAGE(why.message().find("the body had not ended within") != std::string_view::npos,
                  why.to_string());
  }
}

TEST_CASE("OnlyARequestsOwnBoundIsAStreams") {
  ScriptedHttp server({{"/long",
                        [](Peer& peer, const Seen&) {
                          peer.send("HTTP/1.1 200 OK\r\n\r\n123456789");
                          peer.close();
                        }},
                       {"/told", [](Peer& peer, const Seen&) { peer.answer("123456789"); }}});
  const Client http(patient("stream-bound"));
  std::string text;
  const auto stream = http.get(server.url("/long")).max_body(8).stream().wait();
  REQUIRE(stream.ok());
  CHECK(read_all(*stream, text).cause() == Cause::kTooLarge);
  CHECK(text.size() <= 8);
  const auto told = http.get(server.url("/told")).max_body(8).stream().wait();
  REQUIRE(told.ok());
  CHECK(read_all(*told, text).cause() == Cause::kTooLarge);
}

TEST_CASE("WhatHasNoBodyIsAtItsEnd") {
  ScriptedHttp server({{"/none", [](Peer& peer, const Seen&) {
                          peer.send("HTTP/1.1 204 No\r\nContent-Encoding: gzip\r\n\r\n");
                        }}});
  const Client http(patient("stream-none"));
  const auto none = http.get(server.url("/none")).stream().wait();
  REQUIRE(none.ok());
  CHECK(none->read().wait()->empty());
  CHECK(none->head.headers.contains("Content-Encoding"));
  const auto head = http.head(server.url("/a")).stream().wait();
  REQUIRE(head.ok());
  CHECK(head->read().wait()->empty());
}

TEST_CASE("WhatCannotBeginIsNoStreamAndAnEmptyOneRefusesReads") {
  const Client http(patient("stream-refused"));
  CHECK(http.get("nonsense").stream().wait().status().cause() == Cause::kBadArgument);
  CHECK(ResponseStream().read().wait().status().cause() == Cause::kBadArgument);
  ResponseStream().close();
  ScriptedHttp server({{"/slow", endless}});
  const auto stream = http.get(server.url("/slow")).stream().wait();
  REQUIRE(stream.ok());
  CHECK(stream->read(0).wait().status().cause() == Cause::kBadArgument);
  http.close();
  std::string text;
  CHECK(read_all(*stream, text).cause() == Cause::kClosed);
  CHECK(http.get(server.url("/slow")).stream().wait().status().cause() == Cause::kClosed);
}

}  // namespace
}  // namespace tidegate::test
