// SPDX-License-Identifier: Apache-2.0
// What is told when gates, limiters and breakers are made.
#include "tidegate/lint.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>

#include "gate/worker_count.hpp"
#include "support/ear.hpp"
#include "support/temp_directory.hpp"
#include "tidegate/gate.hpp"

using namespace tidegate;
using namespace std::chrono_literals;
using internal::workers_in_arguments;
using test::Ear;

namespace {

class ExpectedWorkers {
 public:
  explicit ExpectedWorkers(std::size_t count) { expect_workers(count); }
  ~ExpectedWorkers() { expect_workers(0); }
  ExpectedWorkers(const ExpectedWorkers&) = delete;
  ExpectedWorkers& operator=(const ExpectedWorkers&) = delete;
};

}  // namespace

TEST_CASE("WorkersThatShareNothingAreToldOnceForEachNameWhatTheyComeTo") {
  const Ear ear;
  const ExpectedWorkers four(4);
  CHECK(expected_workers() == 4);
  for (int i = 0; i < 3; ++i) {
    const Gate gate(GateOptions("lint-gate").rate(5, 1s, 5).breaker(BreakerOptions()));
    const Limiter limiter(LimiterOptions().name("lint-limiter").pace(500ms));
    const Breaker breaker(BreakerOptions().name("lint-breaker").consecutive(5));
    CHECK(gate.status().ok());
  }
  CHECK(ear.lines().size() == 3);
  CHECK(ear.count(
            "warning config: gate 'lint-gate': 4 workers (as the program says) count each for "
            "themselves: together 20 in 1 s start instead of 5 in 1 s, and their breakers open "
            "after 4 x 20 calls instead of 20; with gate.share = host they count together") == 1);
  CHECK(ear.count("limiter 'lint-limiter': 4 workers (as the program says) count each for "
                  "themselves: together 4 in 0.5 s start instead of 1 in 0.5 s; ") == 1);
  CHECK(ear.count("breaker 'lint-breaker': 4 workers (as the program says) count each for "
                  "themselves: their breakers open after 4 x 5 calls instead of 5; with "
                  "breaker.share = host") == 1);
}

TEST_CASE("WhatIsSharedOrHasNothingToShareSaysNothing") {
  const Ear ear;
  const ExpectedWorkers four(4);
  const test::TempDirectory directory;
  const std::string state = directory.path() + "/state";
  const Gate shared(GateOptions("lint-shared")
                        .rate(5, 1s)
                        .breaker(BreakerOptions().consecutive(3))
                        .share(Share::kHost)
                        .state_dir(state));
  CHECK_MESSAGE(shared.status().ok(), shared.status().to_string());
  const Limiter limiter(
      LimiterOptions().name("lint-shared-too").pace(1s).share(Share::kHost).state_dir(state));
  const Gate places(GateOptions("lint-places").concurrency(8));
  const Gate nothing("lint-nothing");
  CHECK(ear.lines().empty());
}

TEST_CASE("HoweverManyNamesThereAreEachIsTold") {
  const Ear ear;
  const ExpectedWorkers two(2);
  for (int i = 0; i < 50; ++i) {
    const Limiter limiter(LimiterOptions().name("lint-many-" + std::to_string(i)).rate(1, 1s));
  }
  CHECK(ear.count("limiter 'lint-many-") == 50);
}

TEST_CASE("OneProcessSaysNothing") {
  const Ear ear;
  const ExpectedWorkers one(1);
  const Gate gate(GateOptions("lint-alone").rate(5, 1s).breaker(BreakerOptions()));
  CHECK(ear.lines().empty());
}

TEST_CASE("AGateThatLetsInTooFewForItsBreakerIsTold") {
  const Ear ear;
  const Gate gate(GateOptions("lint-few").rate(10, 1min).breaker(BreakerOptions()));
  CHECK(gate.status().ok());
  CHECK(ear.count(
            "gate 'lint-few': at most 11 calls start in 60 s (breaker.window, its default)") == 1);
}

TEST_CASE("TheArgumentsOfGunicornSayHowManyWorkersThereAre") {
  CHECK(workers_in_arguments("--workers=4") == 4);
  CHECK(workers_in_arguments("--bind :80 --workers 8 --timeout 5") == 8);
  CHECK(workers_in_arguments("-w 3") == 3);
  CHECK(workers_in_arguments("-w3 -k uvicorn_worker.UvicornWorker") == 3);
  CHECK(workers_in_arguments("-w 2 --workers=6") == 6);
  for (const char* none :
       {"", " ", "--worker-class gthread", "--workers", "-w", "-w x", "--workers=", "--workers=0",
        "--workers=-1", "--workers=99999999999999999999"}) {
    CAPTURE(none);
    CHECK_FALSE(workers_in_arguments(none).has_value());
  }
}
