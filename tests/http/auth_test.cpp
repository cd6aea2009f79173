// SPDX-License-Identifier: Apache-2.0
// Who asks, as the server sees it, and what may never be said of it.
#include "http/auth.hpp"

#include <doctest/doctest.h>

#include <string>

#include "support/patient_http.hpp"
#include "support/scripted_http.hpp"

namespace tidegate::test {
namespace {

using internal::authorization;
using Peer = ScriptedHttp::Peer;
using Seen = ScriptedHttp::Request;

HttpAuth basic(std::string user, std::string password) {
  return {HttpAuth::Kind::kBasic, std::move(user), std::move(password)};
}
HttpAuth bearer(std::string token) { return {HttpAuth::Kind::kBearer, {}, std::move(token)}; }

TEST_CASE("BasicIsBase64OfUserColonPassword") {
  // RFC 7617, 2 and 2.1, and every length of a last group.
  CHECK(*authorization(basic("Aladdin", "open sesame")) == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  CHECK(*authorization(basic("test", "123\xC2\xA3")) == "Basic dGVzdDoxMjPCow==");
  CHECK(*authorization(basic("", "")) == "Basic Og==");
  CHECK(*authorization(basic("a", "")) == "Basic YTo=");
  CHECK(*authorization(basic("a", "b")) == "Basic YTpi");
  CHECK(*authorization(basic("a", "b:c")) == "Basic YTpiOmM=");
  CHECK(*authorization(basic("\xFF\xFE", "\xFF")) == "Basic //46/w==");
  CHECK(*authorization(bearer("mF_9.B5f-4.1JqM~+/=")) == "Bearer mF_9.B5f-4.1JqM~+/=");
}

TEST_CASE("WhatCouldBeAnotherFieldIsNoCredentialAndIsNotShown [H1]") {
  ScriptedHttp server;
  const Client http(patient("auth refused"));
  const std::string nul("hunter2\0", 8);
  for (const Request& request : {http.get(server.url("/")).basic_auth("hun:ter", "hunter2"),
                                 http.get(server.url("/")).basic_auth("hunter2\r\nX-Evil: 1", ""),
                                 http.get(server.url("/")).basic_auth("a", "hunter2\n"),
                                 http.get(server.url("/")).basic_auth("a", nul),
                                 http.get(server.url("/")).basic_auth("a", "hunter2\x7f"),
                                 http.get(server.url("/")).bearer_token(""),
                                 http.get(server.url("/")).bearer_token("hunter2\r\nX-Evil: 1"),
                                 http.get(server.url("/")).bearer_token("hunter2 x"),
                                 http.get(server.url("/")).bearer_token(nul),
                                 http.get(server.url("/")).bearer_token("hunter2\xC3\xA9")}) {
    const auto operation = request.start();
    CHECK(operation.done());  // at once
    const Status status = operation.wait().status();
    CHECK_MESSAGE(status.cause() == Cause::kBadArgument, status.to_string());
    CHECK(status.to_string().find("hunter2") == std::string::npos);
  }
  for (const ClientOptions& options : {patient("auth refused").bearer_token("hunter2\n"),
                                       patient("auth refused").basic_auth("hunter2:", "")}) {
    const Status status = Client(options).status();
    CHECK(status.cause() == Cause::kConfig);
    CHECK(status.to_string().find("hunter2") == std::string::npos);
  }
  CHECK(server.accepted() == 0);
}

TEST_CASE("TheRequestsOwnCountsBeforeTheClientsAndAFieldBeforeBoth") {
  ScriptedHttp server;
  const Client http(patient("auth order").basic_auth("of", "client"));
  const auto sent = [&](const Request& request) {
    CHECK(request.start().wait().ok());
    const std::string head = server.last().head;
    const auto at = head.find("Authorization: ");
    if (at == std::string::npos) return std::string();
    CHECK(head.find("Authorization", at + 1) == std::string::npos);
    return head.substr(at, head.find('\r', at) - at);
  };
  CHECK(sent(http.get(server.url("/"))) == "Authorization: Basic b2Y6Y2xpZW50");
  CHECK(sent(http.get(server.url("/")).bearer_token("own")) == "Authorization: Bearer own");
  CHECK(sent(http.get(server.url("/")).bearer_token("own").basic_auth("a", "b")) ==
        "Authorization: Basic YTpi");
  CHECK(sent(http.get(server.url("/")).bearer_token("own").header("authorization", "Mine x"))
            .empty());
  CHECK(server.last().has("authorization: Mine x\r\n"));
}

TEST_CASE("NeitherTheClientsNorTheRequestsGoesToAnotherOriginNorBack [R2]") {
  const auto leads = [](const std::string& location) {
    return [location](Peer& peer, const Seen&) {
      peer.send("HTTP/1.1 307 Elsewhere\r\nLocation: " + location +
                "\r\nContent-Length: 0\r\n\r\n");
    };
  };
  ScriptedHttp* back = nullptr;
  ScriptedHttp other(
      {{"/there", [&](Peer& peer, const Seen& seen) { leads(back->url("/home"))(peer, seen); }}});
  ScriptedHttp first({{"/from", leads(other.url("/there"))}, {"/here", leads("/to")}});
  back = &first;
  const Client of_client(patient("auth crosses").bearer_token("secret"));
  const Client plain(patient("auth crosses"));
  for (const Request& request :
       {of_client.get(first.url("/from")), plain.get(first.url("/from")).basic_auth("a", "secret"),
        plain.get(first.url("/from")).bearer_token("secret")}) {
    const auto response = request.start().wait();
    REQUIRE_MESSAGE(response.ok(), response.status().to_string());
    CHECK(response->redirects == 2);
    for (const ScriptedHttp* server : {&other, &first}) {
      CHECK_FALSE(server->last().has("uthorization"));
    }
  }
  CHECK(of_client.get(first.url("/here")).start().wait().ok());
  CHECK(first.last().has("Authorization: Bearer secret\r\n"));
}

TEST_CASE("AChallengeIsAnsweredOnceAndTheAnswerIsTheResponse [R9]") {
  ScriptedHttp server({{"/", [](Peer& peer, const Seen&) {
                          peer.send(
                              "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"a\"\r\n"
                              "WWW-Authenticate: Digest nonce=\"b\"\r\nContent-Length: 0\r\n\r\n");
                        }}});
  const Client http(patient("auth challenge").basic_auth("a", "b"));
  const auto response = http.get(server.url("/")).start().wait();
  REQUIRE(response.ok());
  CHECK(response->status == 401);
  CHECK(response->attempts == 1);
  CHECK(server.requests() == 1);
}

TEST_CASE("TheSettingsOfAuthAreSecretsOfTheirService") {
  ScriptedHttp server;
  Config config;
  REQUIRE(config
              .load_json(R"({"http": {"basic_user": "me", "basic_password": "hunter2"},
    "services": {"encar": {"http": {"bearer_token": "hunter3"}}}})")
              .ok());
  CHECK(config.to_json().find("hunter") == std::string::npos);
  CHECK(Client(ClientOptions::from(config)).get(server.url("/")).start().wait().ok());
  CHECK(server.last().has("Authorization: Basic bWU6aHVudGVyMg==\r\n"));
  const Client encar(ClientOptions::from(Service::from(config, "encar")));
  CHECK(encar.get(server.url("/")).start().wait().ok());
  CHECK(server.last().has("Authorization: Bearer hunter3\r\n"));
}

}  // namespace
}  // namespace tidegate::test
