// SPDX-License-Identifier: Apache-2.0
// Whom a transport believes.
#include <doctest/doctest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/curl_in_test.hpp"
#include "support/event.hpp"
#include "support/loopback_server.hpp"
#include "support/scripted_http.hpp"
#include "support/tls_server.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;
using internal::TransportReply;
using internal::TransportTrust;

TransportReply get(CurlInTest& curl, const TlsServer& server, bool trusts_it) {
  auto request = CurlInTest::request(server.url());
  if (trusts_it) {
    request.trust =
        std::make_shared<TransportTrust>(TransportTrust{.ca_file = server.certificate()});
  }
  return curl.exchange(std::move(request));
}

TEST_CASE("ACertificateThatIsTrustedAndNamesTheHostIsBelieved") {
  const TlsServer server("IP:127.0.0.1");
  CurlInTest curl;
  const TransportReply reply = get(curl, server, true);
  REQUIRE_MESSAGE(reply.status.ok(), reply.status.to_string());
  CHECK(reply.http_status == 200);
  CHECK(reply.timings.tls > Duration::zero());
}

TEST_CASE("NoOtherCertificateIsBelieved [T1] [T3]") {
  const TlsServer trusted("IP:127.0.0.1");
  const TlsServer other_host("DNS:example.com");
  const TlsServer old("IP:127.0.0.1", {"-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"});
  CurlInTest curl;
  CHECK(get(curl, trusted, false).status.cause() == Cause::kTls);
  CHECK(get(curl, other_host, true).status.cause() == Cause::kTls);
  const TransportReply reply = get(curl, old, true);
  CHECK_MESSAGE(reply.status.cause() == Cause::kTls, reply.status.to_string());
  CHECK(reply.sends == 0);
  CHECK_FALSE(reply.status.retryable());
}

TEST_CASE("AServerThatWantsACertificateOfTheClientIsAFaultOfTls [T4]") {
  const TlsServer server("IP:127.0.0.1", {"-Verify", "1", "-verify_return_error"});
  CurlInTest curl;
  const TransportReply reply = get(curl, server, true);
  CHECK_MESSAGE(reply.status.cause() == Cause::kTls, reply.status.to_string());
}

TEST_CASE("WhoTrustsAServerDoesNotLetOthersIn [T5]") {
  const TlsServer server("IP:127.0.0.1");
  CurlInTest curl;
  for (int i = 0; i < 3; ++i) {
    CHECK(get(curl, server, true).status.ok());
    CHECK(get(curl, server, false).status.cause() == Cause::kTls);
  }
}

TransportTrust trusting(const TlsServer& server) { return {.ca_file = server.certificate()}; }

TransportReply get(CurlInTest& curl, const TlsServer& server, TransportTrust trust) {
  auto request = CurlInTest::request(server.url());
  trust.identify();
  request.trust = std::make_shared<const TransportTrust>(std::move(trust));
  return curl.exchange(std::move(request));
}

std::vector<std::string> wanting(const TlsCertificate& certificate) {
  return {"-Verify", "1", "-verify_return_error", "-CAfile", certificate.file()};
}

TEST_CASE("AServerSeesTheCertificateOfTheClient [T4]") {
  const TlsCertificate mine("DNS:me.test");
  const TlsCertificate locked("DNS:locked.test", "of the key");
  const TlsServer server("IP:127.0.0.1", wanting(mine));
  const TlsServer other("IP:127.0.0.1", wanting(locked));
  CurlInTest curl;
  auto trust = trusting(server);
  trust.cert_file = mine.file();
  trust.key_file = mine.key();
  const TransportReply reply = get(curl, server, trust);
  REQUIRE_MESSAGE(reply.status.ok(), reply.status.to_string());
  CHECK(reply.body.view().find("DNS:me.test") != std::string_view::npos);
  trust = trusting(other);
  trust.cert_file = locked.file();
  trust.key_file = locked.key();
  trust.key_password = "of the key";
  const TransportReply unlocked = get(curl, other, trust);
  REQUIRE_MESSAGE(unlocked.status.ok(), unlocked.status.to_string());
  CHECK(unlocked.body.view().find("DNS:locked.test") != std::string_view::npos);
  trust.ca_file = server.certificate();
  CHECK(get(curl, server, trust).status.cause() == Cause::kTls);  // another one than it knows
  CHECK(get(curl, server, trusting(server)).status.cause() == Cause::kTls);
}

TEST_CASE("ACertificateOrAKeyThatCannotBeUsedIsAFaultOfTheSettings [T4] [T8]") {
  const TlsCertificate mine("DNS:me.test");
  const TlsCertificate locked("DNS:locked.test", "hunter2");
  const TlsServer server("IP:127.0.0.1");
  CurlInTest curl;
  const struct {
    std::string cert, key, password;
  } rows[] = {{"/no/such/cert.pem", mine.key(), ""},
              {mine.file(), "/no/such/key.pem", ""},
              {mine.file(), locked.key(), "hunter2"},
              {mine.file(), mine.file(), ""},
              {locked.file(), locked.key(), "hunter3"},
              {locked.file(), locked.key(), ""},
              {"/dev/null", mine.key(), ""}};
  for (const auto& row : rows) {
    auto trust = trusting(server);
    trust.cert_file = row.cert;
    trust.key_file = row.key;
    trust.key_password = row.password;
    const Status status = get(curl, server, trust).status;
    CHECK_MESSAGE(status.cause() == Cause::kConfig, status.to_string());
    CHECK_FALSE(status.retryable());
    CHECK(status.to_string().find("hunter") == std::string::npos);
  }
}

TEST_CASE("AServerThatIsTooOldForTheClientIsAFaultOfTls [T3]") {
  const TlsServer old("IP:127.0.0.1", {"-tls1_2"});
  CurlInTest curl;
  auto trust = trusting(old);
  CHECK(get(curl, old, trust).status.ok());
  trust.only_tls_1_3 = true;
  CHECK(get(curl, old, trust).status.cause() == Cause::kTls);
}

TEST_CASE("AConnectionThatIsOldIsMadeAnewAndItsCertificateLookedAtAgain [T6]") {
  const TlsServer server("IP:127.0.0.1");
  CurlInTest curl(internal::CurlKept{.max_idle = 50ms, .life = 1s});
  CHECK(get(curl, server, true).status.ok());
  CHECK(eventually([&] { return curl.connections() == 0; }));
  const TransportReply reply = get(curl, server, true);
  CHECK_MESSAGE(reply.status.ok(), reply.status.to_string());
  CHECK_FALSE(reply.reused);
  CHECK(reply.timings.tls > Duration::zero());
}

TEST_CASE("AnotherConnectionGoesOnWithTheSessionOfTheOneBefore") {
  const TlsServer server("IP:127.0.0.1");  // whose page says so, and which closes each connection
  CurlInTest curl;
  for (const char* const expected : {"New, TLS", "Reused, TLS", "Reused, TLS"}) {
    const TransportReply reply = get(curl, server, true);
    REQUIRE_MESSAGE(reply.status.ok(), reply.status.to_string());
    CHECK_FALSE(reply.reused);
    CHECK(reply.body.view().find(expected) != std::string_view::npos);
  }
}

// What a peer does in place of a handshake, when it is greeted.
class NoTls {
 public:
  explicit NoTls(std::function<void(LoopbackPeer&)> heard)
      : server_({.make = [](int fd, int number) { return std::make_unique<Peer>(fd, number); },
                 .connected = [](LoopbackPeer&) { return true; },
                 .heard = std::move(heard)}) {}
  std::string url() const { return "https://127.0.0.1:" + std::to_string(server_.port()) + "/"; }

 private:
  struct Peer : LoopbackPeer {
    using LoopbackPeer::LoopbackPeer;
  };
  LoopbackServer server_;
};

TEST_CASE("AHandshakeThatStandsStillOrBreaksEndsWithItsCause [T9]") {
  using namespace std::string_view_literals;
  CurlInTest curl;
  const NoTls silent([](LoopbackPeer&) {});
  auto late = CurlInTest::request(silent.url());
  late.connect_timeout = 50ms;
  CHECK(curl.exchange(std::move(late)).status.cause() == Cause::kConnectTimeout);
  const std::string_view says[] = {
      "\x16\x03\x03\x40\x01 a record that is longer than any may be"sv,
      "\x15\x03\x03\x00\x02\x02\x28"sv,              // an alert: handshake_failure
      "\x16\x03\x03\x00\x05\x63\x00\x00\x01\x00"sv,  // no message of a handshake
      "\xff\xff\xff\xff\xff\xff"sv};
  for (const std::string_view bytes : says) {
    const NoTls broken([bytes](LoopbackPeer& peer) {
      peer.send(bytes);
      peer.close();
    });
    const TransportReply reply = curl.get(broken.url());
    CHECK_MESSAGE(reply.status.cause() == Cause::kTls, reply.status.to_string());
    CHECK(reply.sends == 0);
  }
  CHECK(curl.connections() == 0);
}

TEST_CASE("WhatIsTrustedIsReadOnce") {
  const TlsServer server("IP:127.0.0.1");
  const TlsCertificate copy("DNS:other.test");
  std::filesystem::copy_file(server.certificate(), copy.file(),
                             std::filesystem::copy_options::overwrite_existing);
  CurlInTest curl;
  CHECK(get(curl, server, {.ca_file = copy.file()}).status.ok());
  std::filesystem::resize_file(copy.file(), 0);
  const TransportReply reply = get(curl, server, {.ca_file = copy.file()});
  CHECK_MESSAGE(reply.status.ok(), reply.status.to_string());
  CHECK_FALSE(reply.reused);
}

TEST_CASE("OnlySoManyIdentitiesAreKept") {
  const TlsCertificate mine("DNS:me.test");
  const TlsServer server("IP:127.0.0.1", wanting(mine));
  CurlInTest curl;
  for (std::size_t i = 0; i < internal::CurlMultis::kMost + 3; ++i) {
    auto trust = trusting(server);
    trust.cert_file = mine.file();
    trust.key_file = mine.key();
    trust.key_password = std::to_string(i);  // which its key does not need
    const TransportReply reply = get(curl, server, trust);
    CHECK_MESSAGE(reply.status.ok(), reply.status.to_string());
  }
  CHECK(curl.identities() == internal::CurlMultis::kMost);
}

TEST_CASE("IdentitiesThatWereInUseAtOnceAreNoMoreLater") {
  constexpr std::size_t kMany = internal::CurlMultis::kMost + 8;
  ScriptedHttp server({{"/silent", [](ScriptedHttp::Peer&, const ScriptedHttp::Request&) {}}});
  CurlInTest curl;
  auto request = CurlInTest::request(server.url("/silent"));
  const auto as = [&request](std::size_t number) {
    auto trust = std::make_shared<internal::TransportTrust>();
    trust->identity = std::to_string(number);
    request.trust = std::move(trust);
    return request;
  };
  std::vector<Operation<TransportReply>> running;
  for (std::size_t i = 0; i < kMany; ++i) running.push_back(curl.start(as(i)));
  CHECK(eventually([&] { return server.requests() == static_cast<int>(kMany); }));
  CHECK(curl.identities() == kMany);
  for (const auto& operation : running) operation.cancel();
  for (const auto& operation : running) (void)operation.wait();
  CHECK(eventually([&] { return curl.is_idle(); }));
  request.url = server.url("/");
  CHECK(curl.exchange(as(kMany)).status.ok());
  CHECK(curl.identities() == internal::CurlMultis::kMost);
}

}  // namespace
}  // namespace tidegate::test
