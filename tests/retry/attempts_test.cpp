// SPDX-License-Identifier: Apache-2.0
#include "retry/attempts.hpp"

#include <doctest/doctest.h>

#include "policy/backoff.hpp"

namespace tidegate::internal {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1h};
constexpr Tried kBusy{.http_status = 503};

struct Call {
  explicit Call(RetryPolicy chosen = {})
      : policy(std::move(chosen)), attempts(policy.values(), budget, rng) {}
  RetryEnd ended(const Tried& tried, Deadline deadline = Deadline::never()) {
    attempts.ended(tried, 2ms, now, deadline);
    return attempts.end();
  }

  RetryPolicy policy;
  RetryBudget budget{0.2, 0, 100};
  Rng rng{1};
  Attempts attempts;
  TimePoint now = kStart;
};

RetryEnd once(Tried tried, bool may_be_repeated = true) {
  tried.may_be_repeated = may_be_repeated;
  return Call().ended(tried);
}

TEST_CASE("AnAnswerIsTriedAgainForItsStatusAlone") {
  for (const int status : {429, 500, 502, 503, 504}) {
    CHECK(once({.http_status = status}) == RetryEnd::kAgain);
  }
  for (const int status : {200, 204, 301, 400, 401, 404, 408, 413, 501}) {
    CHECK(once({.http_status = status}) == RetryEnd::kGood);
  }
}

TEST_CASE("AFailureIsTriedAgainWhereAnotherAttemptMayGoBetter") {
  for (const Cause cause : {Cause::kDns, Cause::kConnect, Cause::kProxy, Cause::kConnectTimeout,
                            Cause::kConnectionLost, Cause::kAttemptTimeout, Cause::kReadTimeout}) {
    CHECK(once({.cause = cause}) == RetryEnd::kAgain);
  }
  // Faults of this process, refusals, what is wrong for good, and what the caller ended.
  for (const Cause cause :
       {Cause::kLocalResource, Cause::kNoMemory, Cause::kBadArgument, Cause::kConfig,
        Cause::kInternal, Cause::kQueueFull, Cause::kPoolTimeout, Cause::kTls, Cause::kProtocol,
        Cause::kTooLarge, Cause::kDecode, Cause::kCancelled, Cause::kClosed, Cause::kDeadline}) {
    CHECK(once({.cause = cause}) == RetryEnd::kFinal);
  }
}

TEST_CASE("WhatMayNotBeSentTwiceIsTriedAgainOnlyWhereNothingWasSent [C5]") {
  CHECK(once({.cause = Cause::kConnectionLost, .was_sent = true}, false) == RetryEnd::kUnsafe);
  CHECK(once({.http_status = 503}, false) == RetryEnd::kUnsafe);
  CHECK(once({.cause = Cause::kConnect, .was_sent = false}, false) == RetryEnd::kAgain);
  CHECK(once({.cause = Cause::kConnectionLost, .was_sent = false}, false) == RetryEnd::kAgain);
}

TEST_CASE("ThereAreAsManyAttemptsAsThePolicySays") {
  for (const int most : {1, 2, 4, 100}) {
    Call call(RetryPolicy().attempts(most));
    int tries = 1;
    while (call.ended(kBusy) == RetryEnd::kAgain) ++tries;
    CHECK(tries == most);
    CHECK(call.attempts.count() == most);
    CHECK(call.attempts.end() == RetryEnd::kExhausted);
  }
}

TEST_CASE("APauseStaysWithinItsBound") {
  const policy::Backoff backoff(100ms, 10s);
  Call call(RetryPolicy().attempts(100));
  for (int i = 0; i < 99; ++i) {
    REQUIRE(call.ended(kBusy) == RetryEnd::kAgain);
    CHECK(call.attempts.pause() >= 0s);
    CHECK(call.attempts.pause() <= backoff.bound(i));
  }
}

TEST_CASE("AServersWishIsHeldAndOneThatIsTooLongEndsIt [C9]") {
  Call patient;
  CHECK(patient.ended({.http_status = 429, .asked = 20s}) == RetryEnd::kAgain);
  CHECK(patient.attempts.pause() >= 20s);
  CHECK(patient.attempts.pause() <= 20s + 100ms);
  CHECK(Call().ended({.http_status = 429, .asked = 61s}) == RetryEnd::kAskedTooLong);
  CHECK(Call(RetryPolicy().max_retry_after(2min)).ended({.http_status = 429, .asked = 61s}) ==
        RetryEnd::kAgain);
}

TEST_CASE("WhereThePauseWouldReachTheDeadlineThereIsNone") {
  Call call(RetryPolicy().backoff(0s, 0s));
  const Tried asked{.http_status = 503, .asked = 5s};
  CHECK(call.ended(asked, Deadline::after(5s, kStart)) == RetryEnd::kTooLate);
  CHECK(call.attempts.note() == "attempt 1 of 4, the next would be in 5 s and 5 s are left");
  Call other(RetryPolicy().backoff(0s, 0s));
  CHECK(other.ended(asked, Deadline::after(5001ms, kStart)) == RetryEnd::kAgain);
  CHECK(Call().ended(kBusy, Deadline::after(-1s, kStart)) == RetryEnd::kTooLate);
}

TEST_CASE("WithoutABudgetThereIsNoFurtherAttempt [C8]") {
  Call call;
  while (call.budget.try_take(kStart)) {
  }
  CHECK(call.ended(kBusy) == RetryEnd::kNoBudget);
  CHECK(call.attempts.note() == "attempt 1 of 4, and the retry budget is used up");
}

TEST_CASE("WhatAnotherAttemptCannotChangeIsNotSaidToBeTheFirstOfFour") {
  Call call;
  CHECK(call.ended({.cause = Cause::kTls}) == RetryEnd::kFinal);
  CHECK(call.attempts.note().empty());
  Call later;
  CHECK(later.ended(kBusy) == RetryEnd::kAgain);
  CHECK(later.ended({.cause = Cause::kTls}) == RetryEnd::kFinal);
  CHECK(later.attempts.note() == "attempt 2 of 4");
}

TEST_CASE("EachAttemptHasALineWhereThereWasMoreThanOne") {
  Call call(RetryPolicy().attempts(3).backoff(0s, 0s));
  CHECK(call.ended({.cause = Cause::kConnect, .was_sent = false}) == RetryEnd::kAgain);
  CHECK(call.ended(kBusy) == RetryEnd::kAgain);
  CHECK(call.ended({.http_status = 200}) == RetryEnd::kGood);
  const auto history = call.attempts.take_history();
  REQUIRE(history.size() == 3);
  CHECK(history[0] == "attempt 1 of 3: connect after 2 ms, then a pause of 0 s");
  CHECK(history[1] == "attempt 2 of 3: 503 after 2 ms, then a pause of 0 s");
  CHECK(history[2] == "attempt 3 of 3: 200 after 2 ms");

  Call single;
  CHECK(single.ended({.http_status = 200}) == RetryEnd::kGood);
  CHECK(single.attempts.take_history().empty());
}

}  // namespace
}  // namespace tidegate::internal
