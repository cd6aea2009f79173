// SPDX-License-Identifier: Apache-2.0
// What is no valid request is refused before anything is opened, and by its name alone.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "net/curl_url.hpp"
#include "support/patient_http.hpp"
#include "support/scripted_http.hpp"
#include "tidegate/http.hpp"

namespace tidegate::test {
namespace {

using internal::HttpUrl;

Status outcome(const Request& request) { return request.start().wait().status(); }

void check_refused(const Request& request) {
  const auto operation = request.start();
  CHECK(operation.done());  // at once
  const Status status = operation.wait().status();
  CHECK_MESSAGE(status.cause() == Cause::kBadArgument, status.to_string());
  CHECK(status.attempts() == 0);
  CHECK(status.message().find("hunter2") == std::string_view::npos);
  CHECK(status.message().find('\n') == std::string_view::npos);
}

TEST_CASE("AValueWithAControlCharacterIsRefused [H1] [H4] [H5]") {
  ScriptedHttp server;
  const Client http(patient("values"));
  const std::string bad[] = {"hunter2\r\nX-Evil: 1",
                             "hunter2\n",
                             "hunter2\r",
                             "hunter2\n folded",
                             std::string("hunter2\0", 8),
                             "hunter2\x7f",
                             "hunter2\x01",
                             " hunter2",
                             "hunter2 ",
                             "hunter2\t"};
  for (const char* const name :
       {"X-A", "User-Agent", "Cookie", "Referer", "Range", "Content-Type"}) {
    for (const std::string& value : bad)
      check_refused(http.get(server.url("/")).header(name, value));
  }
  check_refused(http.post(server.url("/")).body(Bytes(), "text/plain\r\nX: y"));
  CHECK(server.accepted() == 0);
  CHECK(outcome(http.get(server.url("/")).header("X-A", "tab\there, \xE9 and \xC3\xA9")).ok());
  CHECK(server.last().has("X-A: tab\there, \xE9 and \xC3\xA9\r\n"));
}

TEST_CASE("ANameThatIsNoTokenIsRefused [H2]") {
  ScriptedHttp server;
  const Client http(patient("names"));
  for (const std::string& name :
       {std::string(), std::string("X A"), std::string("X:"), std::string("X\r\nY"),
        std::string("X\0Y", 3), std::string("X\xC3\xA9"), std::string(" X"), std::string("(X)")}) {
    check_refused(http.get(server.url("/")).header(name, "hunter2"));
  }
  CHECK(server.accepted() == 0);
}

TEST_CASE("AMethodIsATokenAndKeepsItsCase [H3]") {
  ScriptedHttp server;
  const Client http(patient("methods"));
  for (const std::string& method :
       {std::string(), std::string("GET /x HTTP/1.1\r\nA: b\r\n\r\nGET"), std::string("GE T"),
        std::string("G\0T", 3), std::string("GET\n"), std::string("CONNECT")}) {
    check_refused(http.request(method, server.url("/")));
  }
  CHECK(server.accepted() == 0);
  CHECK(outcome(http.request("purge", server.url("/"))).ok());
  CHECK(server.last().method == "purge");
}

TEST_CASE("FieldsOfTheConnectionAreNotTheCallers [H7]") {
  ScriptedHttp server;
  const Client http(patient("connection"));
  for (const char* const name :
       {"Host", "content-length", "Transfer-Encoding", "CONNECTION", "Keep-Alive",
        "Proxy-Connection", "Upgrade", "TE", "Trailer", "Expect", "Proxy-Authorization"}) {
    check_refused(http.get(server.url("/")).header(name, "hunter2"));
  }
  check_refused(http.head(server.url("/")).body(Bytes(std::string("x"))));
  CHECK(server.accepted() == 0);
}

TEST_CASE("TooManyFieldsAndTooManyBytesOfThemAreRefused [H11]") {
  ScriptedHttp server;
  const Client http(patient("many"));
  auto many = http.get(server.url("/"));
  for (int i = 0; i < 10'000; ++i) many.header("X-" + std::to_string(i), "1");
  check_refused(many);
  check_refused(http.get(server.url("/")).header("X-Large", std::string(1 << 20, 'x')));
  CHECK(server.accepted() == 0);
  auto some = http.get(server.url("/"));
  for (int i = 0; i < 200; ++i) some.header("X-" + std::to_string(i), "1");
  CHECK(outcome(some).ok());
  CHECK(server.last().has("X-199: 1\r\n"));
}

TEST_CASE("AUrlThatCouldMeanTwoThingsIsRefused [H6] [H8] [H9] [H10]") {
  const Client http(patient("urls"));
  const std::string label(64, 'a');
  for (const std::string& url : {std::string(),
                                 std::string("127.0.0.1:80/hunter2"),
                                 std::string("/hunter2"),
                                 std::string("example.com"),
                                 std::string("//example.com/"),
                                 std::string("http:/ok"),
                                 std::string("http://"),
                                 std::string("http:///ok"),
                                 std::string("http://?hunter2"),
                                 std::string("http://#x"),
                                 std::string("http://:80/"),
                                 std::string("ftp://example.com/"),
                                 std::string("file:///etc/hunter2"),
                                 std::string("javascript:hunter2"),
                                 std::string("ftp.localhost/"),
                                 std::string("http://me:hunter2@example.com/"),
                                 std::string("http://me@example.com/"),
                                 std::string("http://a\\@b/"),
                                 std::string("http://example.com\\hunter2"),
                                 std::string("http://exa mple.com/"),
                                 std::string("http://example.com/a b"),
                                 std::string("http://example.com/a\r\nX: y"),
                                 std::string("http://example.com/a\tb"),
                                 std::string("http://example.com/\0", 20),
                                 std::string("http://example.com:0/"),
                                 std::string("http://example.com:99999/"),
                                 std::string("http://example.com:x/"),
                                 std::string("http://127.0.0%2e1/"),
                                 std::string("http://[::1/"),
                                 std::string("http://[hunter2]/"),
                                 std::string("http://example.com/\xFF"),
                                 std::string("http://\xFF.com/"),
                                 std::string("http://b\xC3\xBC"
                                             "cher.example/"),
                                 std::string("http://\xEF\xBC\x91.1/"),
                                 "http://" + label + ".com/",
                                 "http://" + std::string(300, 'a') + "/",
                                 "http://example.com/" + std::string(70'000, 'x')}) {
    CAPTURE(url);
    check_refused(http.get(url));
  }
}

TEST_CASE("AUrlIsSentAsItIsMeant [H6] [H10]") {
  struct Row {
    const char* text;
    const char* url;
    const char* origin;
    const char* shown;
  };
  const Row rows[] = {
      {"http://example.com", "http://example.com/", "http://example.com:80", "http://example.com/"},
      {"HTTPS://example.com:443/a?b#c", "https://example.com:443/a?b", "https://example.com:443",
       "https://example.com:443/a"},
      {"http://example.com/%0d%0aX", "http://example.com/%0d%0aX", "http://example.com:80",
       "http://example.com/%0d%0aX"},
      {"http://example.com/\xC3\xA9?q=\xED\x98\x84", "http://example.com/%C3%A9?q=%ED%98%84",
       "http://example.com:80", "http://example.com/%C3%A9"},
      {"http://[::1]:8080/x", "http://[::1]:8080/x", "http://[::1]:8080", "http://[::1]:8080/x"},
      {"http://xn--bcher-kva.example/", "http://xn--bcher-kva.example/",
       "http://xn--bcher-kva.example:80", "http://xn--bcher-kva.example/"},
      {"http://127.1/", "http://127.0.0.1/", "http://127.0.0.1:80", "http://127.0.0.1/"},
      {"http://0x7f000001/", "http://127.0.0.1/", "http://127.0.0.1:80", "http://127.0.0.1/"},
      {"http://example.com/a/../b/./c", "http://example.com/b/c", "http://example.com:80",
       "http://example.com/b/c"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto url = HttpUrl::parse(row.text);
    REQUIRE_MESSAGE(url.ok(), url.status().to_string());
    CHECK(url->url == row.url);
    CHECK(url->origin == row.origin);
    CHECK(url->shown == row.shown);
  }
}

TEST_CASE("AUserAgentThatIsNoneIsAFaultOfTheSettings [H4]") {
  ScriptedHttp server;
  const Client http(ClientOptions().user_agent("hunter2\r\nX: y"));
  CHECK(http.status().cause() == Cause::kConfig);
  const Status status = outcome(http.get(server.url("/")));
  CHECK(status.cause() == Cause::kConfig);
  CHECK(status.message().find("hunter2") == std::string_view::npos);
  CHECK(server.accepted() == 0);
  CHECK(Client().status().ok());
}

}  // namespace
}  // namespace tidegate::test
