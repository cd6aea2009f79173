// SPDX-License-Identifier: Apache-2.0
#include "policy/admission.hpp"

#include <doctest/doctest.h>

using namespace tidegate;
using namespace std::chrono_literals;
using policy::Admission;

TEST_CASE("ACallThatCanStartAtOnceIsAlwaysAdmitted") {
  Admission admission;
  for (int i = 0; i < 100; ++i) admission.served(1h);
  CHECK(admission.admits(0, 1, 0ns));
}

TEST_CASE("WithoutExperienceEverythingIsAdmitted") {
  Admission admission;
  CHECK(admission.admits(1'000, 1, 1ns));
}

TEST_CASE("ACallIsAdmittedExactlyIfItsTurnAndItsRunFitIntoWhatIsLeft") {
  struct Row {
    Duration usual;
    std::size_t queued, permits;
    Duration left;
    bool admitted;
  };
  const Row rows[] = {
      {1s, 4, 4, 2s, true},       // one round of waiting, one of running
      {1s, 4, 4, 1999ms, false},  //
      {1s, 8, 4, 3s, true},       //
      {1s, 9, 4, 3s, false},      //
      {100ms, 40, 4, 15s, true},  //
      {10s, 4, 4, 15s, false},    // would wait for 10 s and then take 10 s
      {1s, 1, 0, 2s, true},       // no permits counts as one
  };
  for (const Row& row : rows) {
    Admission admission;
    admission.served(row.usual);
    CAPTURE(row.queued);
    CAPTURE(row.left.count());
    CHECK(admission.admits(row.queued, row.permits, row.left) == row.admitted);
  }
}

TEST_CASE("ThePredictionFollowsTheServiceTimes") {
  Admission admission;
  admission.served(8s);
  for (int i = 0; i < 64; ++i) admission.served(1s);
  CHECK(admission.predicted(0, 1) < 1100ms);
  CHECK(admission.predicted(0, 1) >= 1s);
}

TEST_CASE("AnAbsurdQueueDoesNotOverflow") {
  Admission admission;
  admission.served(24h);
  CHECK(admission.predicted(static_cast<std::size_t>(-1), 1) > Duration::zero());
  CHECK(!admission.admits(static_cast<std::size_t>(-1), 1, 15s));
}
