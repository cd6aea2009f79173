// SPDX-License-Identifier: Apache-2.0
// A client and a server that encodes its bodies, or says so.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/encode.hpp"
#include "support/event.hpp"
#include "support/patient_http.hpp"
#include "support/scripted_http.hpp"
#include "tidegate/http.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;
using Peer = ScriptedHttp::Peer;
using Seen = ScriptedHttp::Request;

constexpr std::size_t kMiB = std::size_t{1} << 20;

ScriptedHttp::Script coded(std::string coding, std::string body) {
  return [coding, body](Peer& peer, const Seen&) {
    peer.answer(body, "Content-Encoding: " + coding + "\r\nETag: x\r\n");
  };
}

TEST_CASE("AResponseIsDecodedAndSaysNothingOfItsCoding") {
  ScriptedHttp::Table table;
  for (const std::string& encoding : encodings()) {
    table.emplace("/" + encoding.substr(0, 3),
                  coded(field_of(encoding), encode(encoding, "hello")));
  }
  table.emplace("/chain", coded("deflate, BR", encode("br", encode("deflate", "hello"))));
  table.emplace("/chunked", [](Peer& peer, const Seen&) {
    const std::string body = encode("gzip", "hello");
    std::string answer =
        "HTTP/1.1 404 Not Found\r\nContent-Encoding: gzip\r\nETag: x\r\n"
        "Transfer-Encoding: chunked\r\n\r\n";
    for (const char byte : body) answer += std::string("1\r\n") + byte + "\r\n";
    peer.send(answer + "0\r\n\r\n");
  });
  ScriptedHttp server(table);
  const Client http(patient("decoded"));
  for (const auto& [path, script] : table) {
    CAPTURE(path);
    const auto response = http.get(server.url(path)).start().wait();
    REQUIRE_MESSAGE(response.ok(), response.status().to_string());
    CHECK(response->text() == "hello");
    CHECK(response->headers.find("etag") == "x");
    CHECK_FALSE(response->headers.contains("Content-Encoding"));
    CHECK_FALSE(response->headers.contains("Content-Length"));
    CHECK(server.last().has("\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"));
  }
  CHECK(server.accepted() == 1);
}

TEST_CASE("WhoAsksForItGetsTheBodyAsItCame [B4]") {
  const std::string body = encode("gzip", "hello");
  ScriptedHttp server({{"/gzip", coded("gzip", body)}, {"/odd", coded("odd", "hello")}});
  const Client http(patient("raw"));
  const Client never(patient("never").decode(false));
  const auto check_raw = [&](const Request& request, std::string_view accepts) {
    const auto response = request.start().wait();
    REQUIRE_MESSAGE(response.ok(), response.status().to_string());
    CHECK(response->text() == body);
    CHECK(response->headers.find("Content-Encoding") == "gzip");
    CHECK(response->headers.find("Content-Length") == std::to_string(body.size()));
    CHECK(server.last().has("Accept-Encoding: " + std::string(accepts) + "\r\n"));
  };
  check_raw(http.get(server.url("/gzip")).decode(false), "identity");
  check_raw(never.get(server.url("/gzip")), "identity");
  check_raw(http.get(server.url("/gzip")).header("Accept-Encoding", "gzip"), "gzip");
  // A part of what is encoded cannot be decoded.
  check_raw(http.get(server.url("/gzip")).header("Range", "bytes=0-99"), "identity");
  CHECK(never.get(server.url("/gzip")).decode(true).start().wait()->text() == "hello");

  const auto odd = http.get(server.url("/odd")).start().wait();
  CHECK(odd.status().cause() == Cause::kDecode);
  CHECK(odd.status().message().find("'odd'") != std::string_view::npos);
  CHECK(http.get(server.url("/odd")).decode(false).start().wait()->text() == "hello");
}

TEST_CASE("AnAnswerWithoutABodyNeedsNoStream") {
  const auto head_only = [](const std::string& status, const std::string& fields) {
    return [status, fields](Peer& peer, const Seen&) {
      peer.send("HTTP/1.1 " + status + "\r\nContent-Encoding: gzip\r\n" + fields + "\r\n");
    };
  };
  ScriptedHttp server({{"/head", head_only("200 OK", "Content-Length: 1234\r\n")},
                       {"/204", head_only("204 No Content", "")},
                       {"/304", head_only("304 Not Modified", "")},
                       {"/zero", head_only("200 OK", "Content-Length: 0\r\n")}});
  const Client http(patient("empty"));
  const auto head = http.head(server.url("/head")).start().wait();
  REQUIRE(head.ok());
  CHECK(head->headers.find("Content-Length") == "1234");
  CHECK(head->headers.find("Content-Encoding") == "gzip");
  for (const char* const path : {"/204", "/304", "/zero"}) {
    const auto response = http.get(server.url(path)).start().wait();
    REQUIRE_MESSAGE(response.ok(), response.status().to_string());
    CHECK(response->body.empty());
  }
}

TEST_CASE("ABombIsATypedErrorAndItsPlaceIsFreeAgain [B1] [B2] [B3]") {
  ScriptedHttp::Table table;
  for (const std::string& encoding : encodings()) {
    table.emplace("/bomb/" + encoding.substr(0, 3), coded(field_of(encoding), bomb(encoding, 64)));
  }
  table.emplace("/nested", coded("gzip, br", encode("br", bomb("gzip", 64))));
  table.emplace("/many", coded("gzip, gzip, gzip, gzip, gzip, gzip", "x"));
  table.emplace("/cut", coded("br", encode("br", "hello").substr(0, 5)));
  table.emplace("/more", coded("gzip", encode("gzip", "hello") + "more"));
  ScriptedHttp server(table);
  const Client http(patient("bombs").max_connections(1).max_body(20 * kMiB));
  for (const auto& [path, script] : table) {
    CAPTURE(path);
    const bool is_bomb = path.starts_with("/bomb") || path == "/nested";
    const auto response = http.get(server.url(path + "?token=hunter2")).start().wait();
    const Status status = response.status();
    CHECK_MESSAGE(status.cause() == (is_bomb ? Cause::kTooLarge : Cause::kDecode),
                  status.to_string());
    CHECK(status.message().find(server.url(path)) != std::string_view::npos);
    CHECK(status.message().find("hunter2") == std::string_view::npos);
    CHECK(status.attempts() == 1);
    CHECK(http.get(server.url("/next")).start().wait()->text() == "/next");
  }
  // What came was HTTP, so the connection goes on.
  CHECK(server.accepted() == 1);
  CHECK(http.stats().in_flight == 0);
  CHECK(http.stats().failures == table.size());
}

TEST_CASE("MaxBodyBoundsTheBodyAsItCameAndDecoded [B1]") {
  const std::string text(1000, 'x');
  const std::string body = encode("gzip", text);
  ScriptedHttp server({{"/", coded("gzip", body)}});
  const Client http(patient("bounds"));
  const auto cause = [&](std::size_t most) {
    return http.get(server.url("/")).max_body(most).start().wait().status().cause();
  };
  CHECK(cause(1000) == Cause::kNone);
  CHECK(cause(999) == Cause::kTooLarge);
  CHECK(cause(body.size()) == Cause::kTooLarge);
  CHECK(cause(body.size() - 1) == Cause::kTooLarge);
  CHECK(http.get(server.url("/")).max_body(body.size()).decode(false).start().wait().ok());
}

TEST_CASE("WhoGivesUpWhileItsBodyIsDecodedEnds [C2]") {
  std::string text;
  for (unsigned i = 1; text.size() < 4 * kMiB; i = i * 1664525 + 1013904223)
    text += std::to_string(i);
  ScriptedHttp server({{"/", coded("gzip", encode("gzip", text))}});
  const Client http(patient("given up").max_connections(2));
  std::vector<Operation<Response>> running;
  for (int i = 0; i < 8; ++i) running.push_back(http.get(server.url("/")).start());
  CHECK(running[0].wait().ok());
  for (const auto& operation : running) operation.cancel();
  for (const auto& operation : running) {
    const auto response = operation.wait();
    if (response.ok()) CHECK(response->text() == text);
    if (!response.ok()) CHECK(response.status().cause() == Cause::kCancelled);
  }
  CHECK(eventually([&] { return http.stats().in_flight == 0; }));
  CHECK(http.get(server.url("/x")).start().wait().ok());
}

}  // namespace
}  // namespace tidegate::test
