// SPDX-License-Identifier: Apache-2.0
// Requests through proxies, as the proxies and the servers see them.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/loopback_port.hpp"
#include "support/patient_http.hpp"
#include "support/proxy_server.hpp"
#include "support/scripted_http.hpp"
#include "support/tls_server.hpp"
#include "tidegate/http.hpp"
#include "tidegate/stream.hpp"

namespace tidegate::test {
namespace {

Client once(const ProxyServer& proxy, const std::string& user = {}) {
  return Client(patient("proxied").retry(RetryPolicy::none()).proxy(proxy.url(user)));
}

Status failure_of(const Request& request) {
  const auto response = request.start().wait();
  CHECK_FALSE(response.ok());
  return response.status();
}

std::string at(const ScriptedHttp& server, const std::string& host) {
  return "http://" + host + ":" + std::to_string(server.port()) + "/";
}

TEST_CASE("TheProxyGetsTheWholeUrlAndLooksTheNameUp [D7]") {
  ProxyServer proxy({.wants = "me:of: mine"});
  const Client http = once(proxy, "me:of%3a%20mine");
  const auto response = http.get("http://no-such-host.test:81/a?b=c").start().wait();
  REQUIRE_MESSAGE(response.ok(), response.status().to_string());
  CHECK(response->text().starts_with("GET http://no-such-host.test:81/a?b=c HTTP/1.1\r\n"));
  CHECK(response->text().find("\r\nHost: no-such-host.test:81\r\n") != std::string::npos);
  CHECK(proxy.asked() == std::vector<std::string>{"http://no-such-host.test:81/a?b=c"});
}

TEST_CASE("HttpsGoesThroughATunnelAndTheProxySeesNothingOfIt [D11]") {
  const TlsServer server("IP:127.0.0.1");
  ProxyServer proxy({.wants = "me:secret"});
  const Client http(patient("tunnel").ca_file(server.certificate()).proxy(proxy.url("me:secret")));
  auto request = http.get(server.url());
  request.header("X-Api-Key", "hunter2").bearer_token("hunter3");
  const auto response = request.start().wait();
  REQUIRE_MESSAGE(response.ok(), response.status().to_string());
  CHECK(response->status == 200);
  CHECK(response->timings.tls > Duration::zero());
  REQUIRE(proxy.heads().size() == 1);
  const std::string head = proxy.heads().front();
  CHECK(head.starts_with("CONNECT 127.0.0.1:"));
  CHECK(head.find("hunter") == std::string::npos);
}

TEST_CASE("NothingOfTheProxysUserReachesTheServer [D11]") {
  ScriptedHttp server;
  ProxyServer proxy({.socks = true, .wants = "me:secret"});
  const Client http = once(proxy, "me:secret");
  const auto response = http.get(at(server, "no-such-host.test")).start().wait();
  REQUIRE_MESSAGE(response.ok(), response.status().to_string());
  CHECK(server.last().head.find("Proxy") == std::string::npos);
  CHECK(server.last().head.starts_with("GET / HTTP/1.1\r\nHost: no-such-host.test:"));
  CHECK(proxy.asked().front() == "no-such-host.test:" + std::to_string(server.port()));
}

TEST_CASE("AConnectionServesThoseWhoGoTheSameWayAsTheSameUserAndNobodyElse [D11]") {
  ScriptedHttp server;
  ProxyServer one({.socks = true});
  ProxyServer other({.socks = true});
  const Client http(patient("apart"));
  const auto way = [&](const std::string& proxy) {
    const auto response = http.get(server.url("/")).proxy(proxy).start().wait();
    REQUIRE_MESSAGE(response.ok(), response.status().to_string());
    return response->reused;
  };
  for (const bool before : {false, true}) {
    CHECK(way("") == before);
    CHECK(way(one.url()) == before);
    CHECK(way(other.url()) == before);
    CHECK(way(other.url("me:secret")) == before);
    CHECK(way(other.url("me:other")) == before);
  }
  CHECK(server.accepted() == 5);
  CHECK(one.accepted() == 1);
  CHECK(other.accepted() == 3);
}

TEST_CASE("ConnectionsToAProxyAreKeptApartByItsUser [D11]") {
  ProxyServer proxy;
  const Client http(patient("users"));
  const auto way = [&](const std::string& user) {
    const auto response = http.get("http://a.test/").proxy(proxy.url(user)).start().wait();
    REQUIRE_MESSAGE(response.ok(), response.status().to_string());
    return response->reused;
  };
  for (const bool before : {false, true}) {
    CHECK(way("me:one") == before);
    CHECK(way("me:two") == before);
    CHECK(way("") == before);
  }
  CHECK(proxy.accepted() == 3);
  CHECK(proxy.heads().size() == 6);
}

TEST_CASE("WhatAProxyDoesWrongIsNamedWithItsHostAndWithoutItsUser [D9] [D11]") {
  const LoopbackPort closed = new_loopback_port();
  ProxyServer picky({.wants = "me:right"});
  ProxyServer socks({.socks = true, .wants = "me:right"});
  ProxyServer refusing({.answer = "HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n"});
  ProxyServer babbling({.answer = "SSH-2.0-OpenSSH_9.2\r\n\r\n"});
  ProxyServer mute({.answer = "\r\n"});
  ProxyServer unreachable({.socks = true, .answer = std::string("\5\4\0\1\0\0\0\0\0\0", 10)});
  const std::string nobody = "127.0.0.1:" + std::to_string(closed.number);
  const struct {
    std::string proxy;
    std::string url;
    Cause cause;
    std::string words;
  } rows[] = {
      {"http://me:hunter2@" + nobody, "http://a.test/", Cause::kProxy, nobody},
      {"socks5h://me:hunter2@" + nobody, "http://a.test/", Cause::kProxy, nobody},
      {"http://me:hunter2@localhost:" + std::to_string(closed.number), "https://a.test/",
       Cause::kProxy, "localhost:"},
      {picky.url("me:hunter2"), "http://a.test/", Cause::kProxyAuth, picky.shown()},
      {picky.url("me:hunter2"), "https://a.test/", Cause::kProxyAuth, picky.shown()},
      {picky.url(), "https://a.test/", Cause::kProxyAuth, "wants a user"},
      {socks.url("me:hunter2"), "http://a.test/", Cause::kProxyAuth, socks.shown()},
      {socks.url(), "http://a.test/", Cause::kProxyAuth, "wants a user"},
      {refusing.url("me:hunter2"), "https://a.test/", Cause::kProxy, "502 to CONNECT"},
      {babbling.url("me:hunter2"), "https://a.test/", Cause::kProxy, babbling.shown()},
      {mute.url("me:hunter2"), "https://a.test/", Cause::kProxy, mute.shown()},
      {unreachable.url("me:hunter2"), "http://a.test/", Cause::kProxy, "cannot be reached"},
  };
  const Client http(patient("failures").retry(RetryPolicy::none()));
  for (const auto& row : rows) {
    const Status status = failure_of(http.get(row.url).proxy(row.proxy));
    const std::string message(status.message());
    CHECK_MESSAGE(status.cause() == row.cause, message);
    CHECK_MESSAGE(message.find(row.words) != std::string::npos, message);
    CHECK_MESSAGE(message.find("hunter") == std::string::npos, message);
    CHECK_MESSAGE(message.find(".proxy") == std::string::npos, message);
    CHECK(status.retryable() == (row.cause == Cause::kProxy));
  }
}

TEST_CASE("AServerBehindAProxyFailsAsItself") {
  const TlsServer untrusted("IP:127.0.0.1");
  for (const bool socks : {false, true}) {
    ProxyServer proxy({.socks = socks});
    const Status status = failure_of(once(proxy).get(untrusted.url()));
    CHECK_MESSAGE(status.cause() == Cause::kTls, status.to_string());
  }
}

TEST_CASE("AProxyThatIsNoneIsRefusedWithoutAWordOfIt [D11]") {
  for (const std::string bad :
       {"proxy.test:3128", "ftp://hunter2@proxy.test", "http://me:hunter2@",
        "http://:hunter2@a.test", "http://me:hunter2@a.test:0", "http://me:hunter2@a.test:99999",
        "http://me:hunter2@a.test/x", "http://me:hunter2@a.test?x", "http://me:hunter2/@a.test",
        "http://me:hunter2%0a@a.test", "http://me:hunter2%@a.test", "http://me:hunter2%zz@a.test",
        "http://m%3ae:hunter2@a.test", "http://me:hunter2@a b.test", "http://me:hunter2@[::1",
        "http://me:hunter2@a.test:x"}) {
    const Client client(patient("bad").proxy(bad));
    CHECK_MESSAGE(client.status().cause() == Cause::kConfig, bad);
    CHECK(client.status().to_string().find("hunter") == std::string::npos);
    const Status status = failure_of(Client(patient("bad")).get("http://a.test/").proxy(bad));
    CHECK_MESSAGE(status.cause() == Cause::kBadArgument, bad);
    CHECK(status.to_string().find("hunter") == std::string::npos);
  }
  for (const char* good : {"http://a.test", "HTTP://A.test:80/", "https://me:@a.test",
                           "socks5://me@a.test:1", "socks5h://[::1]:1080", "http://a@b:c@d.test"}) {
    CHECK_MESSAGE(Client(patient("good").proxy(good)).status().ok(), good);
  }
}

TEST_CASE("WhatIsNotPublicIsNotAskedOfAProxyEither [D6] [D7]") {
  ProxyServer proxy;
  const Client http(patient("guarded").ssrf(Ssrf::kAll).proxy(proxy.url()));
  CHECK(http.get("http://a.test/").start().wait().ok());
  for (const char* host :
       {"8.8.8.8", "8.8.8.8.", "a.test.", "a.localhost.test", "7.test", "x0x7f"}) {
    CHECK_MESSAGE(http.get(std::string("http://") + host + "/").start().wait().ok(), host);
  }
  const auto passed = proxy.asked().size();
  for (const char* host : {"127.0.0.1",
                           "10.0.0.1",
                           "localhost",
                           "[::1]",
                           "169.254.169.254",
                           "0x7f.1",
                           "127.1",
                           "2130706433",
                           "0177.0.0.1",
                           "169.254.169.254.",
                           "169.254.169.254..",
                           "localhost.",
                           "LOCALHOST...",
                           "a.localhost",
                           "a.localhost.",
                           "0x7f.1.",
                           "127.1.",
                           "2130706433.",
                           "0177.0.0.1.",
                           "0x7F000001.",
                           "0X7f.1.",
                           "127.0.0.09",
                           "1.2.3.4.5",
                           "127.0.0.256",
                           ".",
                           "4294967297",
                           "a.0x7f",
                           "0x",
                           "08.8.8.8"}) {
    const Status status = failure_of(http.get(std::string("http://") + host + "/"));
    CHECK_MESSAGE(status.cause() == Cause::kBlockedAddress, host, ": ", status.to_string());
  }
  CHECK(proxy.asked().size() == passed);
}

TEST_CASE("ARedirectBehindAProxyLeadsNobodyInsideByADotEither [R6] [D6]") {
  for (const char* host : {"169.254.169.254.", "localhost.", "a.localhost..", "127.1."}) {
    const std::string there = std::string("http://") + host + "/";
    ScriptedHttp server({{"/", [there](ScriptedHttp::Peer& peer, const ScriptedHttp::Request&) {
                            peer.send("HTTP/1.1 302 Found\r\nLocation: " + there +
                                      "\r\nContent-Length: 0\r\n\r\n");
                          }}});
    ProxyServer proxy({.socks = true});
    const Status status = failure_of(once(proxy).get(at(server, "a.test")));
    CHECK_MESSAGE(status.cause() == Cause::kBlockedAddress, host, ": ", status.to_string());
    CHECK(proxy.asked().size() == 1);
  }
}

TEST_CASE("AttemptsGoRoundTheProxiesOverTheirKeptConnections") {
  ProxyServer one;
  ProxyServer other;
  const Client http(patient("round").proxies({one.url("me:secret"), other.url()}));
  for (int i = 0; i < 6; ++i) CHECK(http.get("http://a.test/").start().wait().ok());
  CHECK(one.accepted() == 1);
  CHECK(other.accepted() == 1);
  CHECK(one.asked().size() == 3);
  const ProxyStats stats = http.stats().proxies;
  CHECK(stats.request_count == 6);
  CHECK(stats.session_rotations == 5);
  CHECK(stats.current_proxy == other.shown());
  CHECK(stats.available_proxies == 2);
  CHECK(http.get("http://a.test/").proxy(one.url()).start().wait().ok());
  CHECK(http.stats().proxies.request_count == 6);
}

TEST_CASE("ASessionHasConnectionsOfItsOwn") {
  ProxyServer proxy;
  const Client http(patient("sessions").proxy(proxy.url()).proxy_session(3));
  std::vector<bool> reused;
  for (int i = 0; i < 7; ++i) reused.push_back(http.get("http://a.test/").start().wait()->reused);
  CHECK(reused == std::vector<bool>{false, true, true, false, true, true, false});
  CHECK(proxy.accepted() == 3);
  CHECK(http.stats().proxies.session_rotations == 2);
  CHECK(http.stats().proxies.current_proxy == proxy.shown());
}

TEST_CASE("AnAttemptAfterAProxyThatFailedTakesAnotherOne [D9] [D10]") {
  const LoopbackPort closed = new_loopback_port();
  ProxyServer picky({.wants = "me:right"});
  ProxyServer good;
  const std::string nobody = "http://me:hunter2@127.0.0.1:" + std::to_string(closed.number);
  const Client http(patient("elsewhere")
                        .retry(RetryPolicy().backoff({}, {}))
                        .proxies({nobody, picky.url("me:hunter2"), good.url()}));
  const auto response = http.post("http://a.test/").start().wait();
  REQUIRE_MESSAGE(response.ok(), response.status().to_string());
  REQUIRE(response->history.size() == 3);
  CHECK(response->history[0].find("proxy") != std::string::npos);
  CHECK(picky.heads().size() == 1);
  CHECK(http.stats().proxies.available_proxies == 1);
  for (int i = 0; i < 5; ++i) CHECK(http.get("http://a.test/").start().wait()->attempts == 1);
  CHECK(http.stats().proxies.current_proxy == good.shown());
  CHECK(good.asked().size() == 6);
}

TEST_CASE("WhereNoProxyIsWellTheAttemptsAreStillBounded [D10]") {
  ProxyServer picky({.wants = "me:right"});
  const Client http(patient("none").proxies({picky.url(), picky.url("me:hunter2")}));
  const Status status = failure_of(http.get("http://a.test/"));
  CHECK_MESSAGE(status.cause() == Cause::kProxyAuth, status.to_string());
  CHECK(picky.heads().size() == 2);
  CHECK(http.stats().proxies.available_proxies == 0);
  CHECK_FALSE(Client(patient("without")).stats().proxies.request_count > 0);
}

TEST_CASE("AProxyThatRefusesTheUserGivesNoStreamEither [D9]") {
  ProxyServer picky({.wants = "me:right"});
  ProxyServer good;
  const Client http(patient("streams")
                        .retry(RetryPolicy().backoff({}, {}))
                        .proxies({picky.url("me:hunter2"), good.url()}));
  const auto stream = http.get("http://a.test/").stream().wait();
  REQUIRE_MESSAGE(stream.ok(), stream.status().to_string());
  CHECK(stream->head.status == 200);
  CHECK(stream->head.attempts == 2);
  const auto none = http.get("http://a.test/").proxy(picky.url()).stream().wait();
  CHECK(none.status().cause() == Cause::kProxyAuth);
}

TEST_CASE("AProxyThatHangsIsGivenUpInTimeAndSetAside [D9]") {
  for (const bool socks : {false, true}) {
    ProxyServer proxy({.socks = socks, .holds = true});
    const Client http(patient("hangs")
                          .retry(RetryPolicy::none())
                          .connect_timeout(std::chrono::milliseconds(100))
                          .proxy(proxy.url("me:hunter2")));
    const Status status = failure_of(http.get("https://a.test/"));
    const std::string message(status.message());
    CHECK_MESSAGE(status.cause() == Cause::kConnectTimeout, message);
    CHECK_MESSAGE(message.find("through the proxy " + proxy.shown()) != std::string::npos, message);
    CHECK(message.find("hunter") == std::string::npos);
    CHECK(http.stats().proxies.available_proxies == 0);
  }
}

}  // namespace
}  // namespace tidegate::test
