// SPDX-License-Identifier: Apache-2.0
// One exchange on libcurl, against a server that does as it is told.
#include "net/curl_transport.hpp"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "net/curl_error.hpp"
#include "support/curl_in_test.hpp"
#include "support/event.hpp"
#include "support/scripted_http.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;
using internal::TransportReply;
using Peer = ScriptedHttp::Peer;
using Request = ScriptedHttp::Request;

void silent(Peer&, const Request&) {}

TEST_CASE("AGetComesBackWithStatusFieldsAndBody") {
  ScriptedHttp server({{"/a", [](Peer& peer, const Request&) {
                          peer.send(
                              "HTTP/1.1 404 Not Found\r\nX-One: 1\r\nx-one:  2 \r\n"
                              "Content-Length: 5\r\nX-Empty:\r\n\r\nhello");
                        }}});
  CurlInTest curl;
  const TransportReply reply = curl.get(server.url("/a?q=1"));
  REQUIRE_MESSAGE(reply.status.ok(), reply.status.to_string());
  CHECK(reply.http_status == 404);
  CHECK(reply.body.view() == "hello");
  CHECK(reply.headers.all("X-ONE") == std::vector<std::string_view>{"1", "2"});
  CHECK(reply.headers.find("x-empty") == "");
  CHECK(reply.sends == 1);
  CHECK(reply.connections == 1);
  CHECK_FALSE(reply.reused);
  CHECK(server.last().target == "/a?q=1");
}

TEST_CASE("OnlyWhatTheRequestSaysGoesOut [H12] [D8]") {
  ScriptedHttp server;
  CurlInTest curl;
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  ::setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
  auto request = curl.request(server.url("/x"), "PUT");
  request.headers.add("X-A", "b").add("X-None", "");
  request.body = Bytes(std::string(2'000'000, 'x'));
  const TransportReply reply = curl.exchange(std::move(request));
  ::unsetenv("http_proxy");
  ::unsetenv("ALL_PROXY");
  REQUIRE_MESSAGE(reply.status.ok(), reply.status.to_string());
  CHECK(server.last().head ==
        "PUT /x HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) +
            "\r\nX-A: b\r\nX-None:\r\nContent-Length: 2000000\r\n\r\n");
  CHECK(server.last().body.size() == 2'000'000);
}

TEST_CASE("ABodyWithoutBytesIsABodyAndNoneIsNone") {
  ScriptedHttp server;
  CurlInTest curl;
  auto post = curl.request(server.url("/"), "POST");
  post.body = Bytes();
  CHECK(curl.exchange(std::move(post)).status.ok());
  CHECK(server.last().has("Content-Length: 0\r\n"));
  CHECK(curl.exchange(curl.request(server.url("/"), "DELETE")).status.ok());
  CHECK(server.last().method == "DELETE");
  CHECK_FALSE(server.last().has("Content-Length"));
  auto odd = curl.request(server.url("/"), "query");
  odd.body = Bytes(std::string("?"));
  CHECK(curl.exchange(std::move(odd)).status.ok());
  CHECK(server.last().method == "query");
  CHECK(server.last().body == "?");
}

TEST_CASE("AHeadHasNoBodyWhateverItsLength") {
  ScriptedHttp server({{"/", [](Peer& peer, const Request&) {
                          peer.send("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n");
                        }}});
  CurlInTest curl;
  for (int i = 0; i < 3; ++i) {
    const TransportReply reply = curl.exchange(curl.request(server.url("/"), "HEAD"));
    REQUIRE_MESSAGE(reply.status.ok(), reply.status.to_string());
    CHECK(reply.body.empty());
  }
  CHECK(server.accepted() == 1);
}

TEST_CASE("AnAnswerIsTheSameHoweverItIsCutIntoPackets [P10]") {
  ScriptedHttp server({{"/", [](Peer& peer, const Request&) {
                          peer.send_bytewise(
                              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                              "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-T: 1\r\n\r\n");
                        }}});
  CurlInTest curl;
  for (int i = 0; i < 3; ++i) {
    const TransportReply reply = curl.get(server.url("/"));
    REQUIRE_MESSAGE(reply.status.ok(), reply.status.to_string());
    CHECK(reply.body.view() == "abcde");
    CHECK_FALSE(reply.headers.contains("X-T"));
    CHECK(reply.reused == (i > 0));
  }
  CHECK(server.accepted() == 1);
}

TEST_CASE("ARedirectIsAnAnswerAndIsNotFollowed") {
  ScriptedHttp server({{"/", [](Peer& peer, const Request&) {
                          peer.send(
                              "HTTP/1.1 302 Found\r\nLocation: /other\r\n"
                              "Content-Length: 0\r\n\r\n");
                        }}});
  CurlInTest curl;
  CHECK(curl.get(server.url("/")).http_status == 302);
  CHECK(server.requests() == 1);
}

TEST_CASE("EveryBrokenAnswerHasItsCause [B7] [B9] [B10] [B11] [P1] [P2] [P3] [P4] [P6] [P7]") {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  struct Row {
    const char* what;
    std::string bytes;
    bool resets;
    Cause cause;
  };
  const std::vector<Row> rows = {
      {"nothing at all", "", false, Cause::kConnectionLost},
      {"reset before the head", "", true, Cause::kConnectionLost},
      {"reset inside the head", ok + "X: y", true, Cause::kConnectionLost},
      {"a body cut short", ok + "Content-Length: 10\r\n\r\nhalf", false, Cause::kConnectionLost},
      {"a body reset", ok + "Content-Length: 10\r\n\r\nhalf", true, Cause::kConnectionLost},
      {"no last chunk", ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", false,
       Cause::kConnectionLost},
      {"a chunk of no size", ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n", false,
       Cause::kProtocol},
      {"HTTP/0.9", "hello\n", false, Cause::kProtocol},
      {"SSH", "SSH-2.0-OpenSSH_9.2\r\n", false, Cause::kProtocol},
      {"a version of the future", "HTTP/9.9 200 OK\r\n\r\n", false, Cause::kProtocol},
      {"a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", false, Cause::kProtocol},
      {"a field without a colon", ok + "nonsense\r\n\r\n", false, Cause::kProtocol},
      {"NUL in a field", ok + std::string("X: a\0b\r\n\r\n", 10), false, Cause::kProtocol},
      {"two lengths", ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", false,
       Cause::kProtocol},
      {"a length and chunks",
       ok + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false,
       Cause::kProtocol},
      {"a length and chunks behind a fold of blanks",
       ok + "X: a\r\n \r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false,
       Cause::kProtocol},
      {"a line that begins with CR", ok + "X: a\r\n\rContent-Length: 2\r\n\r\nab", false,
       Cause::kProtocol},
      {"a length with a blank before its colon", ok + "Content-Length : 10\r\n\r\nhalf", false,
       Cause::kProtocol},
      {"a length with a tab before its colon", ok + "Content-Length\t: 4\r\n\r\nhalf", false,
       Cause::kProtocol},
      {"chunks with a blank before their colon",
       ok + "Transfer-Encoding : chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", false, Cause::kProtocol},
      {"any field with a blank before its colon", ok + "X : a\r\nContent-Length: 2\r\n\r\nab",
       false, Cause::kProtocol},
      {"a length in the next line", ok + "Content-Length:\r\n 10\r\n\r\nhalf", false,
       Cause::kProtocol},
      {"a length that goes on", ok + "Content-Length: 2\r\n \r\n\r\nab", false, Cause::kProtocol},
      {"chunks in the next line", ok + "Transfer-Encoding:\r\n chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
       false, Cause::kProtocol},
      {"chunks that go on", ok + "Transfer-Encoding: chunked\r\n\t\r\n\r\n2\r\nab\r\n0\r\n\r\n",
       false, Cause::kProtocol},
      {"a coding that nobody asked for",
       ok + "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", false,
       Cause::kProtocol},
      {"another protocol",
       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", false,
       Cause::kProtocol},
      {"a length beyond all numbers", ok + "Content-Length: 99999999999999999999\r\n\r\nab", false,
       Cause::kProtocol},
      {"a length below zero", ok + "Content-Length: -1\r\n\r\nab", false, Cause::kProtocol},
      {"a length with a sign", ok + "Content-Length: +2\r\n\r\nab", false, Cause::kProtocol},
      {"a list of lengths", ok + "Content-Length: 2, 2\r\n\r\nab", false, Cause::kProtocol},
      {"many interim answers",
       [] {
         std::string text;
         for (int i = 0; i < 20; ++i) text += "HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n";
         return text;
       }(),
       false, Cause::kProtocol},
      {"one long line", ok + "X: " + std::string(200'000, 'x') + "\r\n\r\n", false,
       Cause::kTooLarge},
      {"a long head",
       [&] {
         std::string text = ok;
         for (int i = 0; i < 3000; ++i) text += "X-Field: 0123456789012345678901234567890\r\n";
         return text;
       }(),
       false, Cause::kTooLarge},
      {"a long body", ok + "Content-Length: 2000000\r\n\r\n", false, Cause::kTooLarge},
  };
  CurlInTest curl;
  for (const Row& row : rows) {
    CAPTURE(row.what);
    ScriptedHttp server({{"/", [&row](Peer& peer, const Request&) {
                            peer.send(row.bytes);
                            row.resets ? peer.reset() : peer.close();
                          }}});
    const TransportReply reply = curl.get(server.url("/"));
    CHECK_MESSAGE(reply.status.cause() == row.cause, reply.status.to_string());
    CHECK(reply.body.empty());
    CHECK(reply.sends == 1);
    CHECK(server.requests() == 1);
  }
}

// Where libcurl wrote to a field of the answer before, glibc ends the process: its memory is freed twice.
TEST_CASE("AHeadThatBeginsWithAFoldTouchesNoAnswerBeforeIt [P2]") {
  ScriptedHttp server({{"/before",
                        [](Peer& peer, const Request&) {
                          peer.answer("x", "X-Last: " + std::string(700, 'x') + "\r\n");
                        }},
                       {"/fold", [](Peer& peer, const Request&) {
                          peer.send("HTTP/1.1 200 OK\r\n " + std::string(2000, 'x') +
                                    ": y\r\nContent-Length: 2\r\n\r\nab");
                        }}});
  CurlInTest curl;
  for (int i = 0; i < 8; ++i) {
    CHECK(curl.get(server.url("/before")).status.ok());
    const TransportReply reply = curl.get(server.url("/fold"));
    CHECK_MESSAGE(reply.status.cause() == Cause::kProtocol, reply.status.to_string());
    CHECK(reply.body.empty());
  }
}

TEST_CASE("AnAnswerThatComesWhileTheRequestIsStillSentIsDelivered [H13]") {
  ScriptedHttp server({}, [](Peer& peer) {
    peer.send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
    return true;
  });
  CurlInTest curl;
  for (int i = 0; i < 3; ++i) {
    auto request = curl.request(server.url("/"), "POST");
    request.body = Bytes(std::string(20'000'000, 'x'));
    const TransportReply reply = curl.exchange(std::move(request));
    CHECK_MESSAGE(reply.status.ok(), reply.status.to_string());
    CHECK(reply.http_status == 413);
    CHECK(reply.body.view() == "no");
    CHECK_FALSE(reply.reused);
  }
}

TEST_CASE("AFieldThatGoesOnInTheNextLineIsOneField") {
  ScriptedHttp server({{"/", [](Peer& peer, const Request&) {
                          peer.answer("x", "X-Long: a\r\n   b\r\nX-After: c\r\n");
                        }}});
  CurlInTest curl;
  const TransportReply reply = curl.get(server.url("/"));
  CHECK(reply.headers.find("X-Long") == "a b");
  CHECK(reply.headers.find("X-After") == "c");
}

TEST_CASE("AnEndlessBodyEndsAtItsBound [B5]") {
  ScriptedHttp server({{"/chunks",
                        [](Peer& peer, const Request&) {
                          peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                          const std::string chunk = "10000\r\n" + std::string(65536, 'x') + "\r\n";
                          for (int i = 0; i < 100; ++i) peer.send(chunk);
                        }},
                       {"/close", [](Peer& peer, const Request&) {
                          peer.send("HTTP/1.1 200 OK\r\n\r\n");
                          const std::string part(65536, 'x');
                          for (int i = 0; i < 100; ++i) peer.send(part);
                        }}});
  CurlInTest curl;
  for (const char* const path : {"/chunks", "/close"}) {
    const TransportReply reply = curl.get(server.url(path));
    CHECK_MESSAGE(reply.status.cause() == Cause::kTooLarge, reply.status.to_string());
  }
  auto exact = curl.request(server.url("/12345"));
  exact.max_body = 6;
  CHECK(curl.exchange(std::move(exact)).body.view() == "/12345");
}

TEST_CASE("EachTimeHasItsOwnCause [P5] [B6]") {
  ScriptedHttp server(
      {{"/silent", silent}, {"/stops", [](Peer& peer, const Request&) {
                               peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
                             }}});
  CurlInTest curl;
  auto late_head = curl.request(server.url("/silent"));
  late_head.attempt_timeout = 20ms;
  CHECK(curl.exchange(std::move(late_head)).status.cause() == Cause::kAttemptTimeout);
  auto late_body = curl.request(server.url("/stops"));
  late_body.read_timeout = 20ms;
  CHECK(curl.exchange(std::move(late_body)).status.cause() == Cause::kReadTimeout);
  const auto bounded = curl.exchange(curl.request(server.url("/silent")), Deadline::after(20ms));
  CHECK(bounded.status.cause() == Cause::kDeadline);
  CHECK(eventually([&] { return server.open() == 0; }));  // each was closed
}

TEST_CASE("AServerThatTakesNoConnectionIsAConnectTimeout [P5]") {
  // Its backlog is full: the kernel answers no further SYN.
  const internal::Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(listener.get(), 0) == 0);
  REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  std::vector<internal::Descriptor> waiting;
  for (int i = 0; i < 3; ++i) {
    waiting.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    (void)::connect(waiting.back().get(), reinterpret_cast<sockaddr*>(&address), size);
  }
  CurlInTest curl;
  auto request = curl.request("http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/");
  request.connect_timeout = 30ms;
  const TransportReply reply = curl.exchange(std::move(request));
  CHECK_MESSAGE(reply.status.cause() == Cause::kConnectTimeout, reply.status.to_string());
  CHECK(reply.sends == 0);
  // libcurl has closed that socket without a word.
  CHECK(curl.connections() == 0);
}

TEST_CASE("WhereNobodyListensThereIsNoConnection") {
  std::string url;
  {
    const ScriptedHttp gone;
    url = gone.url("/secret?token=1");
  }
  CurlInTest curl;
  auto request = curl.request(url);
  request.shown = "http://127.0.0.1/secret";
  const TransportReply reply = curl.exchange(std::move(request));
  CHECK(reply.status.cause() == Cause::kConnect);
  CHECK(reply.status.message() == "GET http://127.0.0.1/secret: Connection refused");
}

TEST_CASE("WhatAHostIsCalledDoesNotMakeItsAbsenceAFaultOfThisProcess [D2]") {
  const auto cause = [](std::string_view words) {
    return internal::curl_status("GET http://host/",
                                 {.code = CURLE_COULDNT_RESOLVE_HOST, .text = words})
        .cause();
  };
  CHECK(cause("Could not resolve host: thread.example") == Cause::kDns);
  CHECK(cause("getaddrinfo() thread failed to start") == Cause::kLocalResource);
}

TEST_CASE("WhatHasNoBodyMayTellTheLengthOfTheOneThatItHasNot [B10]") {
  const auto says = [](std::string first_line) {
    return [first_line](Peer& peer, const Request&) {
      peer.send("HTTP/1.1 " + first_line + "\r\nContent-Length: 9000000000\r\n\r\n");
    };
  };
  ScriptedHttp server({{"/304", says("304 Not Modified")}, {"/204", says("204 No Content")}});
  CurlInTest curl;
  for (const int status : {304, 204}) {
    const TransportReply reply = curl.get(server.url("/" + std::to_string(status)));
    CHECK_MESSAGE(reply.status.ok(), reply.status.to_string());
    CHECK(reply.http_status == status);
    CHECK(reply.body.size() == 0);
  }
}

TEST_CASE("AMissingCaFileIsAFaultOfTheSettings [T8]") {
  ScriptedHttp server;
  CurlInTest curl;
  auto request = curl.request("https://127.0.0.1:" + std::to_string(server.port()) + "/");
  request.trust = std::make_shared<internal::TransportTrust>(
      internal::TransportTrust{.ca_file = "/no/such/file.pem"});
  const TransportReply reply = curl.exchange(std::move(request));
  CHECK_MESSAGE(reply.status.cause() == Cause::kConfig, reply.status.to_string());
  CHECK(reply.status.message().find("/no/such/file.pem") != std::string_view::npos);
}

TEST_CASE("TlsToAServerThatSpeaksNoneEndsInTime [P11]") {
  ScriptedHttp server({}, [](Peer& peer) {
    peer.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    return true;
  });
  CurlInTest curl;
  const TransportReply reply = curl.get("https://127.0.0.1:" + std::to_string(server.port()) + "/");
  CHECK_MESSAGE(reply.status.cause() == Cause::kTls, reply.status.to_string());
}

}  // namespace
}  // namespace tidegate::test
