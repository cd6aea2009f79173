// SPDX-License-Identifier: Apache-2.0
//
// Every allocation of a request fails once, on the shard's thread: that request alone ends with it.
// The thread sanitizer has an operator new of its own, which cannot be replaced: there is nothing to
// see.
#include <doctest/doctest.h>

#include "support/curl_in_test.hpp"
#include "support/failing_new.hpp"
#include "support/scripted_http.hpp"

#ifdef TIDEGATE_TEST_SKIPPED
TEST_CASE("Memory does not run out under the thread sanitizer") {}
#else

namespace tidegate::test {
namespace {

TEST_CASE("MemoryThatRunsOutAnywhereCostsOneRequestAndNoConnection") {
  ScriptedHttp server;
  for (const bool warm : {false, true}) {
    int refused = 0;
    for (int failing = 0;; ++failing) {
      CAPTURE(warm);
      CAPTURE(failing);
      CurlInTest curl;
      if (warm) CHECK(curl.get(server.url("/warm")).status.ok());
      on_loop(curl.shard(), [&] {
        failed = false;
        before_failure = failing;
      });
      const internal::TransportReply reply = curl.get(server.url("/now"));
      bool has_failed = false;
      on_loop(curl.shard(), [&] {
        before_failure = -1;
        has_failed = failed;
      });
      if (!reply.status.ok()) {
        ++refused;
        const bool ours = reply.status.cause() == Cause::kNoMemory ||
                          reply.status.cause() == Cause::kLocalResource;
        CHECK_MESSAGE(ours, reply.status.to_string());
      }
      const internal::TransportReply after = curl.get(server.url("/after"));
      CHECK_MESSAGE(after.status.ok(), after.status.to_string());
      CHECK(curl.connections() == 1);
      if (!has_failed) break;
    }
    CHECK(refused >= 3);
  }
}

}  // namespace
}  // namespace tidegate::test
#endif
