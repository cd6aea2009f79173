// SPDX-License-Identifier: Apache-2.0
#include "policy/aimd.hpp"

#include <doctest/doctest.h>

namespace tidegate::policy {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1h};
constexpr Aimd::Bounds kBounds{.least = 2, .first = 20, .most = 25};

TEST_CASE("EachWindowThatWentWellAndWasInUseAddsOneUpToTheMost") {
  Aimd aimd(kBounds);
  for (int i = 0; i <= 10; ++i) {
    aimd.ended(Load::kFine, 15, kStart + i * 1s);
    CHECK(aimd.limit() == std::min(25U, 20U + static_cast<unsigned>(i)));
    aimd.ended(Load::kFine, 15, kStart + i * 1s + 999ms);
  }
  CHECK(aimd.limit() == 25);
}

TEST_CASE("WhatIsNotTriedSaysNothing") {
  Aimd aimd(kBounds);
  for (int i = 0; i < 10; ++i) aimd.ended(Load::kFine, 9, kStart + i * 1s);
  CHECK(aimd.limit() == 20);
  aimd.ended(Load::kFine, 10, kStart + 10s);
  aimd.ended(Load::kFine, 1, kStart + 11s);
  CHECK(aimd.limit() == 21);
}

TEST_CASE("TooMuchTakesATenthOnceInAWindowAndNeverLessThanTheLeast") {
  Aimd aimd(kBounds);
  for (int i = 0; i < 50; ++i) aimd.ended(Load::kTooMuch, 20, kStart + i * 1ms);
  CHECK(aimd.limit() == 18);
  aimd.ended(Load::kTooMuch, 20, kStart + 999ms);
  CHECK(aimd.limit() == 18);
  aimd.ended(Load::kTooMuch, 20, kStart + 1s);
  CHECK(aimd.limit() == 17);
  for (int i = 2; i < 100; ++i) aimd.ended(Load::kTooMuch, 20, kStart + i * 1s);
  CHECK(aimd.limit() == 2);
}

TEST_CASE("AWindowWithACutAddsNothingAndOneThatSaysNothingIsNone") {
  Aimd aimd(kBounds);
  aimd.ended(Load::kFine, 20, kStart);
  aimd.ended(Load::kTooMuch, 20, kStart + 10ms);
  aimd.ended(Load::kFine, 20, kStart + 20ms);
  aimd.ended(Load::kFine, 20, kStart + 1010ms);
  CHECK(aimd.limit() == 18);
  aimd.ended(Load::kNothing, 20, kStart + 5s);
  CHECK(aimd.limit() == 18);
}

TEST_CASE("OverloadIsWhatTheServiceSaysOrDoesNotSayInTime") {
  for (const Cause cause : {Cause::kDeadline, Cause::kAttemptTimeout, Cause::kConnect,
                            Cause::kConnectTimeout, Cause::kReadTimeout, Cause::kEngineBusy}) {
    CHECK(load_of(cause) == Load::kTooMuch);
  }
  for (const Cause cause : {Cause::kCancelled, Cause::kQueueFull, Cause::kTls, Cause::kClosed}) {
    CHECK(load_of(cause) == Load::kNothing);
  }
  CHECK(load_of(Cause::kNone) == Load::kFine);
  CHECK(load_of_http_status(429) == Load::kTooMuch);
  CHECK(load_of_http_status(503) == Load::kTooMuch);
  CHECK(load_of_http_status(500) == Load::kNothing);
  CHECK(load_of_http_status(404) == Load::kFine);
}

}  // namespace
}  // namespace tidegate::policy
