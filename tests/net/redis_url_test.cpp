// SPDX-License-Identifier: Apache-2.0

#include "net/redis_url.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "base/ports/rng.hpp"
#include "support/seeds.hpp"

using tidegate::Cause;
using tidegate::Result;
using tidegate::internal::RedisUrl;
using tidegate::internal::Rng;

namespace {

RedisUrl read(std::string_view text) {
  Result<RedisUrl> url = RedisUrl::parse(text);
  CAPTURE(text);
  CAPTURE(url.status().message());
  REQUIRE(url.ok());
  return std::move(url).value();
}

std::string refusal(std::string_view text) {
  const Result<RedisUrl> url = RedisUrl::parse(text);
  CAPTURE(text);
  REQUIRE_FALSE(url.ok());
  CHECK(url.status().cause() == Cause::kConfig);
  return std::string(url.status().message());
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string percent_encoded(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    encoded.append({'%', kHex[byte >> 4], kHex[byte & 15U]});
  }
  return encoded;
}

}  // namespace

TEST_CASE("AUrlNamesAServerAndWhoWeAreThere") {
  CHECK(read("redis://localhost") == RedisUrl{.host = "localhost"});
  CHECK(read("REDIS://localhost/") == RedisUrl{.host = "localhost"});
  CHECK(read("redis://10.0.0.1:7000/15") ==
        RedisUrl{.host = "10.0.0.1", .port = 7000, .database = 15});
  CHECK(read("redis://cache_1.internal-net?db=3") ==
        RedisUrl{.host = "cache_1.internal-net", .database = 3});
  CHECK(read("redis://h:65535/2147483647?").database == 2147483647);
  CHECK(read("redis://:s3cret@h") ==
        RedisUrl{.host = "h", .password = "s3cret", .authenticates = true});
  CHECK(read("redis://bob:s3cret@h") ==
        RedisUrl{.host = "h", .user = "bob", .password = "s3cret", .authenticates = true});
  CHECK(read("redis://bob:@h") == RedisUrl{.host = "h", .user = "bob", .authenticates = true});
  CHECK(read("redis://bob:a:b@c@h").password == "a:b@c");
}

TEST_CASE("UserPasswordAndSocketPathArePercentDecoded") {
  const RedisUrl url = read("redis://b%6Fb:%2F%3f%23%40%25%00%c3%a9@h");
  CHECK(url.user == "bob");
  CHECK(url.password == std::string("/?#@%\0é", 8));
  CHECK(read("unix:///run/a%20b%3F").path == "/run/a b?");
}

TEST_CASE("AnIpv6AddressStandsInBrackets") {
  CHECK(read("redis://[::1]").host == "::1");
  CHECK(read("redis://:p@[2001:db8::7]:7000/1") == RedisUrl{.host = "2001:db8::7",
                                                            .port = 7000,
                                                            .password = "p",
                                                            .authenticates = true,
                                                            .database = 1});
  CHECK(contains(refusal("redis://::1"), "in brackets"));
  CHECK(contains(refusal("redis://::1:6379"), "in brackets"));
  CHECK(contains(refusal("redis://fe80::1:6379"), "in brackets"));
  CHECK(contains(refusal("redis://[::1"), "']'"));
  CHECK(contains(refusal("redis://[::1]6379"), "after ']'"));
  CHECK(contains(refusal("redis://[localhost]"), "IPv6 address"));
  CHECK(contains(refusal("redis://[]"), "IPv6 address"));
  CHECK(contains(refusal(std::string_view("redis://[::1\0]", 14)), "IPv6 address"));
}

TEST_CASE("ASocketIsAnAbsolutePath") {
  CHECK(read("unix:///run/redis.sock") == RedisUrl{.path = "/run/redis.sock"});
  CHECK(read("unix:///run/redis@2.sock?db=7") ==
        RedisUrl{.path = "/run/redis@2.sock", .database = 7});
  CHECK(read("unix://bob:p@/run/redis.sock") ==
        RedisUrl{.path = "/run/redis.sock", .user = "bob", .password = "p", .authenticates = true});
  CHECK(read("unix:///" + std::string(106, 'x')).path.size() == 107);
  CHECK(
      contains(refusal("unix:///" + std::string(107, 'x')), "at most 107 bytes, this one has 108"));
  CHECK(contains(refusal("unix://run/redis.sock"), "three slashes"));
  CHECK(contains(refusal("unix://"), "path of the socket is missing"));
  CHECK(contains(refusal("unix:///"), "path of the socket is missing"));
  CHECK(contains(refusal("unix:///a%00b"), "NUL"));
  CHECK(contains(refusal("unix:///a%0"), "two hex digits"));
}

TEST_CASE("WhatIsNotSupportedYetSaysWhatToWriteInstead") {
  CHECK(contains(refusal("rediss://h"), "TLS is not supported yet"));
  CHECK(contains(refusal("valkeys://h"), "TLS is not supported yet"));
  CHECK(contains(refusal("redis+sentinel://h"), "Sentinel is not supported yet"));
  CHECK(contains(refusal("rediss-sentinel://h/mymaster"), "Sentinel is not supported yet"));
  CHECK(contains(refusal("redis-cluster://h"), "Cluster is not supported yet"));
  CHECK(contains(refusal("redis://a:6379,b:6379"), "Cluster or Sentinel"));
  CHECK(contains(refusal("redis+unix:///run/redis.sock"), "unix:///path"));
  CHECK(contains(refusal("redis-socket:///run/redis.sock"), "unix:///path"));
  CHECK(contains(refusal("valkey://h"), "redis://"));
}

TEST_CASE("AWrongUrlIsRefused") {
  for (const std::string_view text :
       {"", "redis", "redis:h", "localhost:6379", "http://h", "://h"}) {
    CHECK(contains(refusal(text), "starts with redis:// or unix://"));
  }
  for (const std::string_view text : {"redis://", "redis://:6379", "redis:///0", "redis://:p@"}) {
    CHECK(contains(refusal(text), "host is missing"));
  }
  for (const std::string_view port :
       {"", "0", "65536", "-1", "+1", "6379x", " 6379", "6379\n", "99999999999999999999", "0x10"}) {
    CHECK(contains(refusal(std::string("redis://h:").append(port)), "from 1 to 65535"));
  }
  for (const std::string_view database : {"x", "-1", "+1", "1/2", "2147483648", "1 ", "%31"}) {
    CHECK(contains(refusal(std::string("redis://h/").append(database)), "from 0 to 2147483647"));
    CHECK(contains(refusal(std::string("redis://h?db=").append(database)), "from 0 to 2147483647"));
  }
  for (const std::string_view host : {"a b", "a%62", "h\n", "a\\b", "<h>", "hé"}) {
    CHECK(contains(refusal(std::string("redis://").append(host)), "a host has letters"));
  }
  CHECK(contains(refusal("redis://" + std::string(254, 'x')), "at most 253"));
  CHECK(contains(refusal("redis://h/1?db=1"), "given twice"));
  CHECK(contains(refusal("redis://h?db=1&db=1"), "given twice"));
  CHECK(contains(refusal("redis://h?timeout=5"), "'timeout' is unknown"));
  CHECK(contains(refusal("redis://h?DB=5"), "'DB' is unknown"));
  CHECK(contains(refusal("redis://h?db"), "from 0 to"));
  CHECK(contains(refusal("redis://h?\n=1"), "'\\n' is unknown"));
  CHECK(contains(refusal("redis://h#1"), "after '#'"));
  CHECK(contains(refusal("redis://@h"), ":password"));
  CHECK(contains(refusal("redis://bob@h"), ":password"));
  CHECK(contains(refusal("redis://:@h"), "is empty"));
  CHECK(contains(refusal("redis://:%zz@h"), "two hex digits"));
  CHECK(contains(refusal("redis://:a%4@h"), "two hex digits"));
}

TEST_CASE("NoMessageAndNoTextShowsThePassword") {
  CHECK(read("redis://bob:s3cret@h:1/2").to_string() == "redis://***@h:1/2");
  CHECK(read("redis://:s3cret@[::1]").to_string() == "redis://***@[::1]:6379/0");
  CHECK(read("redis://h").to_string() == "redis://h:6379/0");
  CHECK(read("unix://:s3cret@/run/a?db=1").to_string() == "unix://***@/run/a?db=1");
  for (const std::string_view text :
       {"redis://:s3cret@", "redis://:s3cret@h:x", "redis://:s3cret@h/x", "redis://:s3cret@h?s=1",
        "rediss://:s3cret@h", "s3cret@h", "redis:s3cret@h", "redis://s3cret@h",
        "redis://bob:s3cret", "redis://h:s3cret/1", "redis://:%s3cret@h", "redis://:s3cret@h,h2",
        "s3cret://h",
        // Cut in the wrong place by what should have been escaped.
        "redis://bob:1/s3cret@h", "redis://bob:1?s3cret@h", "redis://bob:1#s3cret@h",
        "redis://:a@b/s3cret@h", "redis://:a@b?s3cret@h", "redis://:a@b?s3cret=@h",
        "redis://bob:s3cret/x@h", "redis://bob:s3cret?x@h", "redis://bob:s3cret#x@h",
        "redis://h?password=s3cret", "redis://h?db=s3cret", "redis://h#s3cret",
        "unix://:a@/s3cret@/run/redis.sock", "unix://:s3cret@h/run/redis.sock",
        "unix://:s3cret/x@/run/redis.sock", "redis+sentinel://:s3cret@h"}) {
    CHECK_FALSE(contains(refusal(text), "s3cret"));
  }
}

TEST_CASE("AnyPasswordComesBackThroughPercentEncoding") {
  tidegate::test::each_seed(200, 20'000, [](std::uint64_t seed) {
    Rng rng(seed);
    std::string password(1 + rng.below(20), '\0');
    for (char& c : password) c = static_cast<char>(rng.below(256));
    const RedisUrl url = read("redis://:" + percent_encoded(password) + "@h:7000/4");
    REQUIRE(url.password == password);
    REQUIRE(url.to_string() == "redis://***@h:7000/4");
  });
}

TEST_CASE("WhateverIsReadComesBackFromItsNormalForm") {
  constexpr std::string_view kParts[] = {"redis://", "unix://", "bob", ":", "@", "h", "[::1]", "/",
                                         "?db=",     "1",       "%41", "#", "&", ",", ".",     "-",
                                         "65535",    "s",       "\n",  "é", "[", "]", "%",     "="};
  tidegate::test::each_seed(5'000, 500'000, [&](std::uint64_t seed) {
    Rng rng(seed);
    std::string text(kParts[rng.below(2)]);
    for (std::uint64_t left = rng.below(8); left > 0; --left) {
      text.append(kParts[rng.below(std::size(kParts))]);
    }
    const Result<RedisUrl> url = RedisUrl::parse(text);
    if (!url) {
      REQUIRE(url.status().cause() == Cause::kConfig);
      return;
    }
    if (url->authenticates || text.starts_with("unix")) return;  // "***" is no password
    REQUIRE(read(url->to_string()) == *url);
  });
}
