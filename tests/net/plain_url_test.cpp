// SPDX-License-Identifier: Apache-2.0
// The short way through a URL leads where libcurl's parser does.
#include "net/plain_url.hpp"

#include <doctest/doctest.h>

#include <initializer_list>
#include <random>
#include <string>

#include "net/curl_url.hpp"

namespace tidegate::internal {
namespace {

// A URL of pieces that are plain, and now and then of one that is not, or means something to a
// parser.
std::string some_url(std::mt19937& random) {
  using Pieces = std::initializer_list<const char*>;
  const auto one_of = [&](Pieces plain, Pieces odd) {
    const Pieces& pieces = random() % 16 == 0 ? odd : plain;
    return std::string(pieces.begin()[random() % pieces.size()]);
  };
  std::string url = one_of({"http://", "https://"}, {"HTTP://", "http:/", "ftp://"});
  for (std::uint_fast32_t i = random() % 4 + 1; i > 0; --i) {
    url += one_of({"a", "example", "x-y", "127", "0", "255", "1"},
                  {"256", "0x7f", "01", "7a", "-", "x-", "A", "_", "%41"});
    if (i > 1) url += one_of({"."}, {"", ".."});
  }
  url += one_of({"", ":80", ":443", ":8080", ":65535"},
                {":0", ":080", ":65536", ":99999", ":123456", ":", ".", "@b"});
  url += one_of({"/"}, {"", "?", "#", "//"});
  for (std::uint_fast32_t i = random() % 5; i > 0; --i) {
    url += one_of({"a", "B.x", "/", "x..", "~", "_", "=", ":", "+", ",", "//"},
                  {".", "..", "/.", "%2e", "%", ";", "@", "!"});
  }
  for (std::uint_fast32_t i = random() % 5; i > 0; --i) {
    url += one_of({"?", "&", "a=1", "b", "/..", "%20", "+", ":"}, {"#", "'", "[", "{"});
  }
  return url;
}

TEST_CASE("APlainUrlIsReadAsLibcurlReadsIt") {
  std::mt19937 random(11);
  std::size_t plain = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = some_url(random);
    if (!internal::PlainUrl::split(text)) continue;
    ++plain;
    CAPTURE(text);
    const auto quick = HttpUrl::parse(text);
    const auto whole = HttpUrl::parse_any(text);
    REQUIRE_MESSAGE(whole.ok(), whole.status().to_string());
    REQUIRE(quick.ok());
    REQUIRE(quick->url == whole->url);
    REQUIRE(quick->origin == whole->origin);
    REQUIRE(quick->fragment == whole->fragment);
    REQUIRE(quick->shown == whole->shown);
  }
  CHECK(plain > 1'000);
}

TEST_CASE("WhatProgramsSendIsPlain") {
  for (const char* const text :
       {"http://127.0.0.1:54321/", "https://api.example.com/v1/cars?make=Audi&price_below=9%2C000",
        "https://a-b.example.com:8443/a/b-c_d~e,f=g:h+i?x=1?2"}) {
    CAPTURE(text);
    CHECK(PlainUrl::split(text).has_value());
  }
}

}  // namespace
}  // namespace tidegate::internal
