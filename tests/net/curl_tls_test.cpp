// SPDX-License-Identifier: Apache-2.0
// Whom a transport believes.
#include <doctest/doctest.h>

#include "support/curl_in_test.hpp"
#include "support/tls_server.hpp"

namespace tidegate::test {
namespace {

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

}  // namespace
}  // namespace tidegate::test
