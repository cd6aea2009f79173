// SPDX-License-Identifier: Apache-2.0
// A breaker that the processes of a host share, as processes.
#include "gate/breaker_share.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "gate/breaker_core.hpp"
#include "support/child.hpp"
#include "support/temp_directory.hpp"
#include "tidegate/breaker.hpp"

namespace tidegate::internal {
namespace {

using namespace std::chrono_literals;
using test::TempDirectory;

constexpr int kProcesses = 4;

BreakerOptions on_host(const TempDirectory& directory) {
  return BreakerOptions().name("encar").share(Share::kHost).state_dir(directory.path());
}

// A clock and a count that children see as their parent does.
struct Common final : Clock {
  TimePoint now() const noexcept override { return TimePoint(Duration(time.load())); }
  std::atomic<std::int64_t> time{Duration(1h).count()};
  std::atomic<int> ready{0};
  std::atomic<int> entered{0};
};

class CommonMemory {
 public:
  CommonMemory()
      : common_(new(::mmap(nullptr, sizeof(Common), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Common) {}
  ~CommonMemory() { ::munmap(common_, sizeof(Common)); }
  CommonMemory(const CommonMemory&) = delete;
  CommonMemory& operator=(const CommonMemory&) = delete;
  Common& operator*() const noexcept { return *common_; }
  Common* operator->() const noexcept { return common_; }

 private:
  Common* const common_;
};

// A child that makes its breaker itself, as a worker does that was started by itself.
template <class Body>
pid_t start(const TempDirectory& directory, Common& common, Body body) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::alarm(120);
  const auto options = on_host(directory).values();
  const Result<BreakerWords*> words = share_breaker(options);
  if (!words.ok()) ::_exit(100);
  const auto core = std::make_shared<BreakerCore>(options, common, 7, *words);
  ::_exit(body(core));
}

int end_of(pid_t child) {
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

struct Bench {
  Bench() : core(make()) {}

  std::shared_ptr<BreakerCore> make() {
    const Result<BreakerWords*> words = share_breaker(options);
    REQUIRE(words.ok());
    return std::make_shared<BreakerCore>(options, *common, 7, *words);
  }
  void trip() {
    for (int i = 0; i < 20; ++i) BreakerCore::enter(core).failure(Cause::kConnect);
    REQUIRE(core->stats().state == BreakerState::kOpen);
  }
  void wait_open() { common->time += core->stats().retry_after.count(); }

  TempDirectory directory;
  CommonMemory common;
  const BreakerOptions::Values options = on_host(directory).values();
  std::shared_ptr<BreakerCore> core;
};

TEST_CASE("WhatFailsInFourProcessesOpensItInAll [C11]") {
  Bench bench;
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) {
    children.push_back(start(bench.directory, *bench.common, [](const auto& core) {
      for (int call = 0; call < 5; ++call) {
        BreakerPermit permit = BreakerCore::enter(core);
        if (!permit) return 1;
        permit.failure(Cause::kConnect);
      }
      return 0;
    }));
  }
  for (const pid_t child : children) CHECK(end_of(child) == 0);
  CHECK(bench.core->stats().state == BreakerState::kOpen);
  const pid_t late = start(bench.directory, *bench.common,
                           [](const auto& core) { return BreakerCore::enter(core) ? 1 : 0; });
  CHECK(end_of(late) == 0);
}

TEST_CASE("OfManyCallsInFourProcessesThreeProbeAHalfOpenOne [C11]") {
  Bench bench;
  bench.trip();
  bench.wait_open();
  Common& common = *bench.common;
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) {
    children.push_back(start(bench.directory, common, [&common](const auto& core) {
      ++common.ready;
      while (common.ready < kProcesses) ::sched_yield();
      std::vector<BreakerPermit> permits;
      for (int call = 0; call < 25; ++call) permits.push_back(BreakerCore::enter(core));
      for (const BreakerPermit& permit : permits) common.entered += permit ? 1 : 0;
      ++common.ready;
      while (common.ready < 2 * kProcesses) ::sched_yield();
      for (BreakerPermit& permit : permits) permit.success();
      return 0;
    }));
  }
  for (const pid_t child : children) CHECK(end_of(child) == 0);
  CHECK(common.entered == 3);
  CHECK(bench.core->stats().state == BreakerState::kClosed);
}

TEST_CASE("AKilledProcessGivesThePlacesOfItsProbesBackWhenTheirTimeIsOver [C11]") {
  Bench bench;
  bench.trip();
  bench.wait_open();
  const pid_t child = start(bench.directory, *bench.common, [](const auto& core) {
    std::vector<BreakerPermit> permits;
    for (int i = 0; i < 3; ++i) permits.push_back(BreakerCore::enter(core));
    ::raise(SIGKILL);
    return 0;
  });
  CHECK(end_of(child) == -SIGKILL);
  CHECK(bench.core->stats().probing == 3);
  const BreakerPermit refused = BreakerCore::enter(bench.core);
  CHECK_FALSE(refused);
  CHECK(refused.retry_after() == 10s);
  bench.common->time += Duration(10s).count();
  for (int i = 0; i < 3; ++i) {
    BreakerPermit probe = BreakerCore::enter(bench.core);
    CHECK(probe);
    probe.success();
  }
  CHECK(bench.core->stats().state == BreakerState::kClosed);
}

TEST_CASE("WhoeverIsKilledWhileHeCallsTheOthersGoOn [C11]") {
  Bench bench;
  for (int round = 0; round < 10; ++round) {
    std::vector<pid_t> children;
    Common& common = *bench.common;
    common.ready = 0;
    for (int i = 0; i < kProcesses; ++i) {
      children.push_back(start(bench.directory, common, [&common](const auto& core) {
        ++common.ready;
        for (int call = 0;; ++call) {
          BreakerPermit permit = BreakerCore::enter(core);
          common.time += Duration(1ms).count();
          permit.failure(call % 3 == 0 ? Cause::kNone : Cause::kConnect);
        }
        return 0;
      }));
    }
    while (common.ready < kProcesses) ::sched_yield();
    for (const pid_t child : children) {
      CHECK(::kill(child, SIGKILL) == 0);
      CHECK(end_of(child) == -SIGKILL);
    }
  }
  for (int call = 0; call < 50 && bench.core->stats().state != BreakerState::kClosed; ++call) {
    BreakerPermit permit = BreakerCore::enter(bench.core);
    bench.common->time += permit.retry_after().count();
    permit.success();
  }
  CHECK(bench.core->stats().state == BreakerState::kClosed);
}

TEST_CASE("WhatAnotherHasChangedIsToldAtTheNextCall") {
  Bench bench;
  std::vector<std::string> told;
  auto options = on_host(bench.directory)
                     .on_change([&](const BreakerChange& change) {
                       told.push_back(std::string(breaker_state_name(change.from)) + " to " +
                                      std::string(breaker_state_name(change.to)) + ": " +
                                      std::string(change.why));
                     })
                     .values();
  const auto words = share_breaker(options);
  REQUIRE(words.ok());
  const auto other = std::make_shared<BreakerCore>(options, *bench.common, 7, *words);
  bench.trip();
  CHECK(told.empty());
  CHECK_FALSE(BreakerCore::enter(other));
  REQUIRE(told.size() == 1);
  CHECK(told[0].starts_with("closed to open: open for "));
  CHECK(told[0].ends_with(": 20 of 20 calls failed"));
  CHECK_FALSE(BreakerCore::enter(other));
  CHECK(told.size() == 1);
  bench.wait_open();
  for (int i = 0; i < 3; ++i) BreakerCore::enter(bench.core).success();
  CHECK(BreakerCore::enter(other));
  REQUIRE(told.size() == 2);
  CHECK(told[1] == "open to closed: closed");
}

TEST_CASE("AChildGoesOnWithTheBreakerOfTheHostAndAPermitOfTheParentsDoesNothingThere") {
  const TempDirectory directory;
  Breaker breaker(on_host(directory));
  REQUIRE(breaker.status().ok());
  BreakerPermit permit = breaker.try_enter();
  for (int i = 0; i < 10; ++i) breaker.try_enter().failure(Cause::kConnect);
  CHECK(test::in_child([&] {
          permit.failure(Cause::kConnect);
          if (breaker.stats().failures != 10) return 1;
          for (int i = 0; i < 10; ++i) breaker.try_enter().failure(Cause::kConnect);
          return breaker.state() == BreakerState::kOpen ? 0 : 2;
        }) == 0);
  CHECK(breaker.state() == BreakerState::kOpen);
  CHECK_FALSE(breaker.try_enter());
}

TEST_CASE("OtherSettingsUnderTheNameAreRefusedAndSoIsTheNameOfAll") {
  const TempDirectory directory;
  Breaker first(on_host(directory));
  CHECK(first.status().ok());
  Breaker other(on_host(directory).probes(5));
  CHECK(other.status().cause() == Cause::kConfig);
  CHECK_FALSE(other.try_enter());
  CHECK(other.enter().status().cause() == Cause::kConfig);
  CHECK(other.call([] { return 1; }).status().cause() == Cause::kConfig);
  Breaker nameless(BreakerOptions().share(Share::kHost).state_dir(directory.path()));
  CHECK(nameless.status().cause() == Cause::kConfig);
  CHECK(Breaker(on_host(directory)).status().ok());
}

}  // namespace
}  // namespace tidegate::internal
