// SPDX-License-Identifier: Apache-2.0
// A lookup that hangs: this program's getaddrinfo() comes before the system's.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <string>
#include <string_view>
#include <vector>

#include "support/child.hpp"
#include "support/curl_in_test.hpp"
#include "support/deep.hpp"
#include "support/event.hpp"
#include "support/scripted_http.hpp"
#include "tidegate/http.hpp"

namespace {

// Each stays for as long as the program: a lookup may come to it when its test is over.
struct Hang {
  tidegate::test::Event begun, over, ended;
};
std::atomic<Hang*> hang{nullptr};
std::atomic<int> looked_up{0};  // "two.test"

}  // namespace

extern "C" __attribute__((visibility("default"))) int getaddrinfo(const char* host,
                                                                  const char* service,
                                                                  const addrinfo* hints,
                                                                  addrinfo** found) {
  static const auto real =
      reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  const std::string_view name = host ? host : "";
  if (name == "two.test") {
    ++looked_up;
    addrinfo* second = nullptr;
    const int failed = real("127.0.0.1", service, hints, &second);
    if (failed != 0) return failed;
    const int failed_too = real("::1", service, hints, found);
    if (failed_too == 0) (*found)->ai_next = second;
    return failed_too;
  }
  if (name != "hangs.test") return real(host, service, hints, found);
  const Hang now = *hang.load();
  now.begun.set();
  now.over.wait();
  now.ended.set();
  return EAI_AGAIN;
}

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("ALookupThatHangsHoldsUpNobodyElseAndEndsInItsTime [D1]") {
  static Hang now;
  hang = &now;
  ScriptedHttp server;
  {
    CurlInTest curl;
    CHECK(curl.get(server.url("/warm")).status.ok());
    auto request = CurlInTest::request("http://hangs.test/");
    request.connect_timeout = 50ms;
    const auto late = curl.start(std::move(request));
    const auto given_up = curl.start(CurlInTest::request("http://hangs.test/"));
    CHECK(now.begun.wait());
    for (int i = 0; i < 20; ++i) CHECK(curl.get(server.url("/")).status.ok());
    given_up.cancel();
    CHECK(given_up.wait()->status.cause() == Cause::kCancelled);
    const auto reply = *late.wait();
    CHECK_MESSAGE(reply.status.cause() == Cause::kConnectTimeout, reply.status.to_string());
    CHECK(reply.sends == 0);
    CHECK(curl.get(server.url("/")).reused);
    now.over.set();
  }
  CHECK(now.ended.wait());
}

TEST_CASE("ALookupThatFailsLaterIsSaidToHaveFailed [D2]") {
  static Hang now;
  now.over.set();
  hang = &now;
  CurlInTest curl;
  const auto reply = curl.get("http://hangs.test/");
  CHECK_MESSAGE(reply.status.cause() == Cause::kDns, reply.status.to_string());
}

TEST_CASE("AForkedChildLooksNamesUpAnew [F-1]" * doctest::skip(kForkIsBroken)) {
  const ScriptedHttp server;
  const Client http(ClientOptions().name("dns-fork"));
  const auto works = [&] {
    const std::string url = "http://two.test:" + std::to_string(server.port()) + "/";
    return http.get(url).timeout(30s).start().wait().ok();
  };
  const int before = looked_up.load();
  REQUIRE(works());
  REQUIRE(works());
  CHECK(looked_up.load() == before + 1);
  const int code = in_child([&] {
    if (!works() || !works()) return 1;
    return looked_up.load() == before + 2 ? 0 : 2;
  });
  CHECK(code == 0);
  CHECK(works());
  CHECK(looked_up.load() == before + 1);
}

// At [::1], and takes no connection: its backlog is full. Null where this machine has no such address.
std::vector<internal::Descriptor> full_backlog(std::uint16_t port) {
  std::vector<internal::Descriptor> sockets;
  sockets.emplace_back(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  address.sin6_addr = in6addr_loopback;
  const auto* const raw = reinterpret_cast<const sockaddr*>(&address);
  if (::bind(sockets[0].get(), raw, sizeof address) != 0) return {};
  REQUIRE(::listen(sockets[0].get(), 0) == 0);
  for (int i = 0; i < 3; ++i) {
    sockets.emplace_back(::socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    (void)::connect(sockets.back().get(), raw, sizeof address);
  }
  return sockets;
}

// libcurl tries both addresses, and closes the socket of the one that is late without a word. While
// the handshake with the other goes on, a lookup gets its number.
TEST_CASE("ALookupIsNotTakenForASocketThatWasClosedWithoutAWord [D2] [D3]") {
  static Hang now;
  now.over.set();
  hang = &now;
  ScriptedHttp server;  // it waits for the end of a request, which a handshake has not
  const auto late = full_backlog(server.port());
  if (late.empty()) return;  // no IPv6 here: the two addresses would be tried one after the other
  CurlInTest curl;
  const auto shaking =
      curl.start(CurlInTest::request("https://two.test:" + std::to_string(server.port()) + "/"));
  CHECK(eventually([&] { return server.reads() > 0; }));  // the handshake has begun
  std::vector<internal::Descriptor>
      taken;  // one number more each time, until it is that one's turn
  for (int i = 0; i < 20; ++i) {
    const auto reply = curl.get("http://hangs.test/");
    CHECK_MESSAGE(reply.status.cause() == Cause::kDns, reply.status.to_string());
    taken.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  }
  shaking.cancel();
  CHECK(shaking.wait()->status.cause() == Cause::kCancelled);
}

}  // namespace
}  // namespace tidegate::test
