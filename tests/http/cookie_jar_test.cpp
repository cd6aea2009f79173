// SPDX-License-Identifier: Apache-2.0
// Which cookies are kept, and which go where: RFC 6265bis, for one host each.
#include "http/cookie_jar.hpp"

#include <doctest/doctest.h>

#include <string>

#include "support/patient_http.hpp"
#include "support/scripted_http.hpp"
#include "tidegate/http.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;
using internal::CookieJar;
using internal::HttpUrl;
using Peer = ScriptedHttp::Peer;
using Seen = ScriptedHttp::Request;

constexpr CookieJar::WallTime kNow{1792000000s};  // a day in October 2026

// A jar at a time that the test sets.
struct Jar {
  CookieJar jar;
  CookieJar::WallTime now = kNow;

  Jar& set(const char* url, const std::string& cookie) {
    jar.store(*HttpUrl::parse(url), Headers().add("set-cookie", cookie), now);
    return *this;
  }
  std::string sent(const char* url) { return jar.field(*HttpUrl::parse(url), now); }
};

constexpr const char* kHttp = "http://a.test/dir/page?x=/y/";
constexpr const char* kHttps = "https://a.test/dir/page";

TEST_CASE("ACookieIsReadAsTheRfcSays") {
  const struct {
    const char* cookie;
    const char* sent;
  } rows[] = {{"a=1", "a=1"},
              {"  a = 1 2 \t; HttpOnly; SameSite=Strict; Other=3", "a=1 2"},
              {"a=b=c", "a=b=c"},
              {"a=", "a="},
              {"a=\"q, r\"", "a=\"q, r\""},
              {"alone", "alone"},
              {"=alone", "alone"},
              {"", ""},
              {"=", ""},
              {"; Path=/", ""},
              {"a=1\x01", ""},
              {"a=1; Path=/\x7f", ""},
              {"__Host-a", ""},
              {"=__secure-a=1", ""}};
  for (const auto& row : rows) {
    CAPTURE(std::string(row.cookie));
    CHECK(Jar().set(kHttp, row.cookie).sent(kHttp) == row.sent);
  }
}

TEST_CASE("ItGoesToItsHostAloneWhateverItsDomainSays [R2]") {
  Jar jar;
  jar.set("http://A.test/", "a=1; Domain=test").set("http://b.a.test/", "b=2; Domain=.a.test");
  CHECK(jar.sent("http://a.test/") == "a=1");
  CHECK(jar.sent("http://a.test:8080/") == "a=1");  // ports keep nothing apart (8.5)
  CHECK(jar.sent("http://b.a.test/") == "b=2");
  for (const char* const url : {"http://test/", "http://c.a.test/", "http://xa.test/",
                                "http://a.test.evil/", "http://a.test./"}) {
    CHECK(jar.sent(url).empty());
  }
}

TEST_CASE("ItGoesWhereItsPathLeadsLongerPathsFirst") {
  const struct {
    const char* cookie;
    const char* url;
    bool goes;
  } rows[] = {{"a=1; Path=/d", "http://a.test/d", true},
              {"a=1; Path=/d", "http://a.test/d/e?f", true},
              {"a=1; Path=/d", "http://a.test/de", false},
              {"a=1; Path=/d/", "http://a.test/d", false},
              {"a=1; Path=/d/", "http://a.test/d/e", true},
              {"a=1; Path=/d; Path=/", "http://a.test/", true},
              {"a=1", "http://a.test/dir", true},
              {"a=1", "http://a.test/dir/x", true},
              {"a=1", "http://a.test/", false},
              {"a=1; Path=rel", "http://a.test/dir/x", true},
              {"a=1; Path=rel", "http://a.test/", false}};
  for (const auto& row : rows) {
    CAPTURE(std::string(row.cookie));
    CAPTURE(std::string(row.url));
    CHECK(Jar().set(kHttp, row.cookie).sent(row.url).empty() == !row.goes);
  }
  Jar jar;
  jar.set(kHttp, "one=1; Path=/").set(kHttp, "two=2; Path=/dir").set(kHttp, "three=3; Path=/");
  CHECK(jar.sent(kHttp) == "two=2; one=1; three=3");
  jar.set(kHttp, "one=4; Path=/");  // keeps its place
  CHECK(jar.sent("http://a.test/") == "one=4; three=3");
}

TEST_CASE("WhatIsSecureIsNeitherSentNorSetNorOverwrittenWithoutTls") {
  CHECK(Jar().set(kHttps, "a=1; Secure").sent(kHttp).empty());
  CHECK(Jar().set(kHttps, "a=1; secure").sent(kHttps) == "a=1");
  CHECK(Jar().set(kHttp, "a=1; Secure").sent(kHttps).empty());
  Jar jar;
  jar.set(kHttps, "a=1; Secure; Path=/dir").set(kHttp, "a=2; Path=/dir/deep");
  CHECK(jar.sent("https://a.test/dir/deep") == "a=1");
  jar.set(kHttp, "a=3; Path=/");  // does not stand before it
  CHECK(jar.sent(kHttps) == "a=1; a=3");
}

TEST_CASE("APrefixIsAPromiseThatIsChecked") {
  const struct {
    const char* cookie;
    const char* url;
    bool is_kept;
  } rows[] = {{"__Host-a=1; Secure; Path=/", kHttps, true},
              {"__Host-a=1; Path=/", kHttps, false},
              {"__Host-a=1; Secure", kHttps, false},
              {"__Host-a=1; Secure; Path=/dir", kHttps, false},
              {"__Host-a=1; Secure; Path=/; Domain=a.test", kHttps, false},
              {"__Host-a=1; Secure; Path=/", kHttp, false},
              {"__hOST-a=1; Path=/", kHttps, false},
              {"__Secure-a=1; Secure", kHttps, true},
              {"__Secure-a=1", kHttps, false},
              {"__SECURE-a=1", kHttps, false},
              {"__Secure-a=1; Secure", kHttp, false}};
  for (const auto& row : rows) {
    CAPTURE(std::string(row.cookie));
    CHECK(Jar().set(row.url, row.cookie).sent(kHttps).empty() == !row.is_kept);
  }
}

TEST_CASE("ItEndsByMaxAgeBeforeExpiresAndInFourHundredDaysAtLast") {
  const struct {
    const char* cookie;
    std::chrono::seconds lives;  // and no second longer
  } rows[] = {{"a=1; Max-Age=60", 60s},
              {"a=1; Max-Age=0060", 60s},
              {"a=1; Expires=Wed, 14 Oct 2026 08:26:50 GMT; Max-Age=60", 60s},
              {"a=1; Max-Age=0", 0s},
              {"a=1; Max-Age=-5", 0s},
              {"a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", 0s},
              {"a=1; Expires=Thu, 01-Jan-1970 00:00:00 GMT", 0s},
              {"a=1; Max-Age=99999999999999999999999", 400 * 24h},
              {"a=1; Expires=Fri, 31 Dec 9999 23:59:59 GMT", 400 * 24h}};
  for (const auto& row : rows) {
    CAPTURE(std::string(row.cookie));
    Jar jar;
    jar.set(kHttp, row.cookie);
    jar.now = kNow + row.lives - 1s;
    if (row.lives > 0s) CHECK(jar.sent(kHttp) == "a=1");
    jar.now = kNow + row.lives;
    CHECK(jar.sent(kHttp).empty());
  }
  for (const char* const cookie : {"a=1", "a=1; Max-Age=+5", "a=1; Max-Age=", "a=1; Max-Age=1.5",
                                   "a=1; Expires=soon", "a=1; Expires="}) {
    CAPTURE(std::string(cookie));
    Jar jar;
    jar.set(kHttp, cookie);
    jar.now = kNow + 1000 * 24h;
    CHECK(jar.sent(kHttp) == "a=1");  // for as long as the client lives
  }
  Jar jar;
  jar.set(kHttp, "a=1").set(kHttp, "b=2").set(kHttp, "a=; Max-Age=0");
  CHECK(jar.sent(kHttp) == "b=2");
  CHECK(jar.jar.size() == 1);
}

TEST_CASE("ItsSizeAndTheirNumberAreBoundedAndTheLeastUsedGoes") {
  Jar jar;
  jar.set(kHttp, "a=" + std::string(4095, 'x'));
  CHECK(jar.sent(kHttp).size() == 4097);
  CHECK(Jar().set(kHttp, "a=" + std::string(4096, 'x')).sent(kHttp).empty());
  CHECK(Jar().set(kHttp, "a=1; Path=/" + std::string(1024, 'x')).sent(kHttp) == "a=1");
  jar.jar.clear();
  CHECK(jar.sent(kHttp).empty());
  CHECK(jar.jar.size() == 0);

  jar.set(kHttp, "kept=1; Path=/kept");
  for (int i = 0; i < 200; ++i) {
    jar.set(kHttp, "c" + std::to_string(i) + "=1; Path=/others");
    CHECK(jar.sent("http://a.test/kept") == "kept=1");
  }
  CHECK(jar.jar.size() == internal::kMostCookiesOfHost);
  CHECK(jar.sent("http://a.test/others").find("c199=1") != std::string::npos);

  for (int host = 0; host < 70; ++host) {
    for (int i = 0; i < 50; ++i) {
      jar.set(("http://h" + std::to_string(host) + ".test/").c_str(),
              "c" + std::to_string(i) + "=1");
    }
    CHECK(jar.sent("http://a.test/kept") == "kept=1");
  }
  CHECK(jar.jar.size() == internal::kMostCookies);
  CHECK(jar.sent("http://h0.test/").empty());
  CHECK_FALSE(jar.sent("http://h69.test/").empty());

  Jar large;
  for (int i = 0; i < 20; ++i) {
    large.set(kHttp, "c" + std::to_string(i) + "=" + std::string(3000, 'x'));
  }
  CHECK(large.sent(kHttp).size() <= internal::kMostCookieField);
  CHECK(large.sent(kHttp).size() > internal::kMostCookieField - 3100);
}

ScriptedHttp::Script sets(std::string fields, int status = 200) {
  return [=](Peer& peer, const Seen&) {
    peer.send("HTTP/1.1 " + std::to_string(status) + " So\r\n" + fields +
              "Content-Length: 0\r\n\r\n");
  };
}

TEST_CASE("AClientKeepsThemOnlyWhereItIsAskedTo") {
  ScriptedHttp server({{"/set", sets("Set-Cookie: a=1\r\nSet-Cookie: b=2; Path=/other\r\n")},
                       {"/fails", sets("Set-Cookie: c=3\r\n", 404)}});
  const Client plain(patient("no cookies"));
  CHECK(plain.get(server.url("/set")).start().wait().ok());
  CHECK(plain.get(server.url("/")).start().wait().ok());
  CHECK_FALSE(server.last().has("Cookie"));

  const Client http(patient("cookies").cookies(true));
  CHECK(http.get(server.url("/set")).start().wait().ok());
  CHECK(http.get(server.url("/fails")).start().wait().ok());
  CHECK(http.get(server.url("/")).start().wait().ok());
  CHECK(server.last().has("\r\nCookie: a=1; c=3\r\n"));
  CHECK(http.cookies_for(server.url("/other")) == "b=2; a=1; c=3");
  CHECK(http.cookies_for("http://elsewhere.test/").empty());
  CHECK(http.cookies_for("no URL").empty());
  CHECK(http.get(server.url("/")).header("cookie", "own=1").start().wait().ok());
  CHECK(server.last().has("\r\ncookie: own=1\r\n"));
  CHECK_FALSE(server.last().has("a=1"));
  CHECK(Client(patient("other cookies").cookies(true)).cookies_for(server.url("/")).empty());
  http.clear_cookies();
  CHECK(http.get(server.url("/")).start().wait().ok());
  CHECK_FALSE(server.last().has("Cookie"));
}

TEST_CASE("ARedirectSetsCookiesAndEachHostGetsItsOwn [R2]") {
  ScriptedHttp other;
  ScriptedHttp first({{"/login", sets("Set-Cookie: a=1\r\nLocation: /home\r\n", 303)},
                      {"/away", sets("Location: " + other.url("/") + "\r\n", 307)}});
  const Client http(patient("cookies go").cookies(true));
  CHECK(http.post(first.url("/login")).start().wait().ok());
  CHECK(first.last().has("Cookie: a=1\r\n"));
  CHECK(http.get(first.url("/away")).header("Cookie", "own=1").start().wait().ok());
  CHECK_FALSE(other.last().has("Cookie"));
}

}  // namespace
}  // namespace tidegate::test
