// SPDX-License-Identifier: Apache-2.0
// The transport in a process that has no descriptor left.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include "support/curl_in_test.hpp"
#include "support/scripted_http.hpp"

namespace tidegate::test {
namespace {

TEST_CASE("WithoutDescriptorsARequestIsALocalFaultAndKeptConnectionsWork [E1]") {
  ScriptedHttp server, other;
  CurlInTest curl;
  CHECK(curl.get(server.url("/")).status.ok());
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit none = before;
  none.rlim_cur = 3;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const auto refused = curl.get(other.url("/"));
  const auto kept = curl.get(server.url("/"));
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK_MESSAGE(refused.status.cause() == Cause::kLocalResource, refused.status.to_string());
  CHECK(refused.status.message().find("Too many open files") != std::string_view::npos);
  CHECK_MESSAGE(kept.status.ok(), kept.status.to_string());
  CHECK(curl.get(other.url("/")).status.ok());
}

}  // namespace
}  // namespace tidegate::test
