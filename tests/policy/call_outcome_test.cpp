// SPDX-License-Identifier: Apache-2.0
#include "policy/call_outcome.hpp"

#include <doctest/doctest.h>

namespace tidegate::policy {
namespace {

using namespace std::chrono_literals;
using enum CallOutcome;

TEST_CASE("WhatIsTheFaultOfThisProcessSaysNothingOfTheService") {
  for (const CauseInfo& info : causes()) {
    if (info.cause == Cause::kNone || !info.local) continue;
    CAPTURE(info.name);
    CHECK(outcome_of(info.cause, 1h, 0s) == kNothing);
  }
}

TEST_CASE("WhatTheServiceIsToBlameForIsAFailure") {
  for (const Cause cause :
       {Cause::kConnect, Cause::kDns, Cause::kTls, Cause::kConnectionLost, Cause::kProtocol,
        Cause::kConnectTimeout, Cause::kAttemptTimeout, Cause::kReadTimeout, Cause::kEngineBusy,
        Cause::kEngineUnavailable, Cause::kCallableFailed}) {
    CAPTURE(cause_info(cause).name);
    CHECK(outcome_of(cause, 1ms, 1h) == kFailed);
  }
  CHECK(outcome_of(Cause::kNone, 1ms, 0s) == kSucceeded);
}

TEST_CASE("ADeadlineThatLeftTheServiceTooLittleTimeSaysNothing") {
  CHECK(outcome_of(Cause::kDeadline, 3s, 4s) == kNothing);
  CHECK(outcome_of(Cause::kDeadline, 4s, 4s) == kFailed);
  CHECK(outcome_of(Cause::kDeadline, 1ms, 0s) == kFailed);
}

TEST_CASE("AnAnswerIsASuccessUnlessTheServerSaysThatItFailed") {
  for (const int status : {200, 204, 304, 400, 401, 404, 408}) {
    CHECK(outcome_of_http_status(status) == kSucceeded);
  }
  for (const int status : {500, 502, 503, 504}) CHECK(outcome_of_http_status(status) == kFailed);
  CHECK(outcome_of_http_status(429) == kNothing);
}

}  // namespace
}  // namespace tidegate::policy
