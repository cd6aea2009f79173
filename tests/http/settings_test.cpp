// SPDX-License-Identifier: Apache-2.0
// The settings http.*: what they set, and that their defaults are the options' and the page's.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "http/decoder.hpp"
#include "support/scripted_http.hpp"
#include "tidegate/http.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;

void check_equal(const ClientOptions::Values& one, const ClientOptions::Values& other) {
  CHECK(one.max_connections == other.max_connections);
  CHECK(one.max_connections_per_origin == other.max_connections_per_origin);
  CHECK(one.max_idle_connections == other.max_idle_connections);
  CHECK(one.connects_per_second == other.connects_per_second);
  CHECK(one.overflow == other.overflow);
  CHECK(one.queue == other.queue);
  CHECK(one.pool_timeout == other.pool_timeout);
  CHECK(one.connect_timeout == other.connect_timeout);
  CHECK(one.attempt_timeout == other.attempt_timeout);
  CHECK(one.read_timeout == other.read_timeout);
  CHECK(one.timeout == other.timeout);
  CHECK(one.max_body == other.max_body);
  CHECK(one.decode == other.decode);
  CHECK(one.ca_file == other.ca_file);
  CHECK(one.cert_file == other.cert_file);
  CHECK(one.key_file == other.key_file);
  CHECK(one.key_password == other.key_password);
  CHECK(one.min_tls == other.min_tls);
  CHECK(one.unix_socket == other.unix_socket);
  CHECK(one.trust_env == other.trust_env);
  CHECK(one.proxies == other.proxies);
  CHECK(one.proxy_session == other.proxy_session);
  CHECK(one.user_agent == other.user_agent);
  CHECK(one.auth == other.auth);
  CHECK(one.cookies == other.cookies);
  CHECK(one.deadline_header == other.deadline_header);
  CHECK(one.deadline_hosts == other.deadline_hosts);
  CHECK(one.retry.values() == other.retry.values());
  CHECK(one.hedge == other.hedge);
  CHECK(one.hedge_delay == other.hedge_delay);
  CHECK(one.max_redirects == other.max_redirects);
  CHECK(one.ssrf == other.ssrf);
  CHECK(one.dns_threads == other.dns_threads);
  CHECK(one.dns_ttl == other.dns_ttl);
  CHECK(one.dns_stale_for == other.dns_stale_for);
}

TEST_CASE("OptionsOfAnEmptyConfigurationAreTheDefaults") {
  const Config config;
  check_equal(ClientOptions::from(config).values(), ClientOptions().values());
  const auto encar = ClientOptions::from(Service::from(config, "encar")).values();
  check_equal(encar, ClientOptions().values());
  CHECK(encar.name == "encar");
}

TEST_CASE("EveryKeySetsTheOptionOfItsName") {
  Config config;
  REQUIRE(config
              .load_json(R"({"http": {"max_connections": 7, "max_connections_per_origin": 3,
    "max_idle_connections": 4, "connects_per_second": 50,
    "overflow": "open", "queue": 9, "pool_timeout": "1s", "connect_timeout": "2s", "attempt_timeout": "4s",
    "read_timeout": "6s", "timeout": "8s", "max_body": 1000, "decode": false,
    "ca_file": "/ca.pem", "cert_file": "/me.pem", "key_file": "/me.key", "key_password": "of it", "min_tls": "1.3", "unix_socket": "/run/it.sock", "trust_env": true, "proxy": "http://a.test:1, http://b.test:2", "proxy_session": 20,
    "user_agent": "me/1", "hedge": true, "hedge_delay": "30ms", "max_redirects": 2, "ssrf": "all",
    "basic_user": "me", "basic_password": "of mine",
    "cookies": true, "deadline_header": "X-Left", "deadline_hosts": " a.test,,b.test , ",
    "dns_threads": 8, "dns_ttl": "9s", "dns_stale_for": "0s"}})")
              .ok());
  check_equal(ClientOptions::from(config).values(),
              ClientOptions()
                  .max_connections(7)
                  .max_connections_per_origin(3)
                  .max_idle_connections(4)
                  .connects_per_second(50)
                  .overflow(Overflow::kOpen)
                  .queue(9)
                  .pool_timeout(1s)
                  .connect_timeout(2s)
                  .attempt_timeout(4s)
                  .read_timeout(6s)
                  .timeout(8s)
                  .max_body(1000)
                  .decode(false)
                  .ca_file("/ca.pem")
                  .cert_file("/me.pem")
                  .key_file("/me.key")
                  .key_password("of it")
                  .min_tls(TlsVersion::kTls13)
                  .unix_socket("/run/it.sock")
                  .trust_env(true)
                  .proxies({"http://a.test:1", "http://b.test:2"})
                  .proxy_session(20)
                  .user_agent("me/1")
                  .basic_auth("me", "of mine")
                  .cookies(true)
                  .deadline_header("X-Left")
                  .deadline_hosts({"a.test", "b.test"})
                  .hedge(30ms)
                  .max_redirects(2)
                  .ssrf(Ssrf::kAll)
                  .dns_threads(8)
                  .dns_ttl(9s)
                  .dns_stale_for(0s)
                  .values());
}

TEST_CASE("TheSettingsOfRetriesAreThoseOfTheClient") {
  Config config;
  REQUIRE(config.load_json(R"({"services": {"encar": {"retry": {"attempts": 3}}}})").ok());
  CHECK(ClientOptions::from(config).values().retry.values().attempts == 4);
  const auto encar = ClientOptions::from(Service::from(config, "encar")).values();
  CHECK(encar.retry.values() == RetryPolicy().attempts(3).values());
}

TEST_CASE("AServiceHasAClientOfItsOwnSettings") {
  ScriptedHttp server;
  Config config;
  REQUIRE(config.load_json(R"({"services": {"encar": {"http": {"user_agent": "encar/1"}}}})").ok());
  const Client http(ClientOptions::from(Service::from(config, "encar")));
  CHECK(http.get(server.url("/")).start().wait().ok());
  CHECK(server.last().has("User-Agent: encar/1\r\n"));
}

TEST_CASE("TheDefaultsOfAClientAreWhatThePageSays") {
  const char* root = std::getenv("TIDEGATE_SOURCE_DIR");
  REQUIRE_MESSAGE(root != nullptr, "TIDEGATE_SOURCE_DIR must name the source tree");
  std::ifstream file(std::string(root) + "/docs/reference/http.md");
  REQUIRE(file.good());
  std::ostringstream page;
  page << file.rdbuf();
  const ClientOptions::Values usual;
  const std::vector<std::string> sentences = {
      "at most " + std::to_string(usual.max_connections) + " requests of a client are under way",
      std::to_string(usual.max_connections_per_origin) + " of them to one origin",
      "1,000 more wait",  // usual.queue
      "for at most " + format_duration(usual.pool_timeout),
      "A connection is there within " + format_duration(usual.connect_timeout),
      "the head of the answer within " + format_duration(usual.attempt_timeout),
      "silent for at most " + format_duration(usual.read_timeout),
      "all in all at most " + format_duration(usual.timeout),
      "at most " + std::to_string(usual.max_body >> 20) + " MiB",
      "at most " + std::to_string(usual.retry.values().attempts) + " times in all",
      "from zero to " + format_duration(usual.retry.values().backoff) + " ×",
      "at most " + format_duration(usual.retry.values().max_backoff) + ".",
      "more than " + format_duration(usual.retry.values().max_retry_after) + " is not asked again",
      "each adds a fifth of an attempt, each second 3, and 100 are saved up",
      "At most " + std::to_string(usual.max_redirects) + " are followed",
      std::to_string(internal::ContentDecoder::kMostRatio) + " times the encoded one beyond " +
          std::to_string(internal::ContentDecoder::kAnyRatioUpTo >> 20) + " MiB",
      "at most " + std::to_string(usual.dns_threads) + " at once in a process",
      "taken for right for " + format_duration(usual.dns_ttl),
      "at most 10 min older than their time",  // usual.dns_stale_for
      "idle for up to 30 s",
      "then " + std::to_string(usual.max_idle_connections) + " to each address",
      "about 10 min",
  };
  CHECK(usual.queue == 1000);
  CHECK(usual.decode);
  for (const std::string& sentence : sentences) {
    CHECK_MESSAGE(page.str().find(sentence) != std::string::npos,
                  "docs/reference/http.md: ", sentence);
  }
}

}  // namespace
}  // namespace tidegate::test
