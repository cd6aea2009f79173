// SPDX-License-Identifier: Apache-2.0
// A lookup that hangs: this program's getaddrinfo() comes before the system's.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <netdb.h>

#include <atomic>
#include <string_view>

#include "support/curl_in_test.hpp"
#include "support/event.hpp"
#include "support/scripted_http.hpp"

namespace {

// Each stays for as long as the program: a lookup may come to it when its test is over.
struct Hang {
  tidegate::test::Event begun, over, ended;
};
std::atomic<Hang*> hang{nullptr};

}  // namespace

extern "C" __attribute__((visibility("default"))) int getaddrinfo(const char* host,
                                                                  const char* service,
                                                                  const addrinfo* hints,
                                                                  addrinfo** found) {
  static const auto real =
      reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  if (!host || std::string_view(host) != "hangs.test") return real(host, service, hints, found);
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
  }
  now.over.set();  // the transport has gone before its lookups
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

}  // namespace
}  // namespace tidegate::test
