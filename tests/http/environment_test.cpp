// SPDX-License-Identifier: Apache-2.0
// Which proxy the environment names for which URL.
#include "http/environment.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

namespace tidegate::test {
namespace {

using internal::HttpEnvironment;
using internal::HttpUrl;
using Variables = std::map<std::string, std::string>;

auto read(const Variables& variables) {
  return HttpEnvironment::read([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

// Where a request goes: "host:port" of its proxy, or "" where it has none.
std::string way(const Variables& variables, const std::string& url) {
  const auto environment = read(variables);
  REQUIRE_MESSAGE(environment.ok(), environment.status().to_string());
  const auto route = (*environment)->route_to(*HttpUrl::parse(url));
  return route ? route->shown : "";
}

TEST_CASE("EachSchemeHasTheVariableOfItsName [D8]") {
  const Variables both = {{"http_proxy", "http://me:secret@a.test:1"}, {"HTTPS_PROXY", "b.test:2"}};
  CHECK(way(both, "http://x.test/") == "a.test:1");
  CHECK(way(both, "https://x.test/") == "b.test:2");
  CHECK(way({{"ALL_PROXY", "socks5h://c.test"}}, "http://x.test/") == "c.test:1080");
  CHECK(way({{"all_proxy", "c.test"}, {"https_proxy", ""}}, "https://x.test/") == "c.test:80");
  CHECK(way({{"HTTP_PROXY", "http://evil.test"}}, "http://x.test/").empty());
  CHECK(way({}, "http://x.test/").empty());
}

TEST_CASE("HostsThatAreExceptedAreGoneToWithoutAProxy [D8]") {
  const struct {
    std::string no_proxy;
    std::vector<std::string> without, with;
  } rows[] = {
      {"*", {"http://x.test/", "http://[::1]/"}, {}},
      {"x.test", {"http://x.test/", "http://A.X.test:81/"}, {"http://ax.test/", "http://test/"}},
      {" .x.test , y.test:81",
       {"http://x.test/", "http://a.x.test/", "http://y.test:81/"},
       {"http://y.test/"}},
      {"10.0.0.0/8,192.0.2.1",
       {"http://10.1.2.3/", "http://192.0.2.1/"},
       {"http://11.0.0.1/", "http://192.0.2.2/", "http://a10.1.2.3.test/", "http://[::1]/"}},
      {"[::1],fd00::/8", {"http://[::1]:8080/", "http://[fd12::1]/"}, {"http://[fe80::1]/"}},
      {"[::1]:81", {"http://[::1]:81/"}, {"http://[::1]/"}},
      {",, 10.0.0.0/99, x/", {}, {"http://10.0.0.0/", "http://y.test/"}},
  };
  for (const auto& row : rows) {
    const Variables variables = {{"http_proxy", "a.test:1"}, {"no_proxy", row.no_proxy}};
    for (const std::string& url : row.without) {
      CHECK_MESSAGE(way(variables, url).empty(), row.no_proxy, " ", url);
    }
    for (const std::string& url : row.with) {
      CHECK_MESSAGE(way(variables, url) == "a.test:1", row.no_proxy, " ", url);
    }
  }
}

TEST_CASE("AVariableThatNamesNoProxyIsNamedWithoutItsValue [D8] [D11]") {
  const auto environment = read({{"https_proxy", "ftp://me:hunter2@a.test"}});
  REQUIRE_FALSE(environment.ok());
  CHECK(environment.status().cause() == Cause::kConfig);
  CHECK(environment.status().message().find("https_proxy") != std::string_view::npos);
  CHECK(environment.status().message().find("hunter") == std::string_view::npos);
}

}  // namespace
}  // namespace tidegate::test
