// SPDX-License-Identifier: Apache-2.0
//
// Every allocation of a run fails once: a frame, the place for a child, a status. The thread
// sanitizer has an operator new of its own, which cannot be replaced: there is nothing to see.
#include <doctest/doctest.h>

#include <cstdlib>
#include <new>
#include <utility>

#include "cache/outbox.hpp"
#include "support/scenario.hpp"
#include "support/seeds.hpp"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TIDEGATE_TEST_SKIPPED
#endif
#endif
#ifdef TIDEGATE_TEST_SKIPPED
TEST_CASE("Memory does not run out under the thread sanitizer") {}
#else

namespace {

// How many allocations succeed before one fails; negative: all. And whether it did.
int before_failure = -1;
bool failed = false;

void* allocate(std::size_t size) noexcept {
  if (before_failure < 0 || before_failure-- > 0) return std::malloc(size ? size : 1);
  failed = true;
  return nullptr;
}

}  // namespace

void* operator new(std::size_t size) {
  void* const memory = allocate(size);
  if (!memory) throw std::bad_alloc();
  return memory;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace tidegate::test {
namespace {

TEST_CASE("Memory that runs out anywhere leaves nothing behind") {
  each_seed(5, 100, [](std::uint64_t seed) {
    int ended_by_it = 0;
    for (int failing = 0;; ++failing) {
      CAPTURE(failing);
      SimLoop loop(seed);
      Scenario scenario(loop, 4);
      failed = false;
      before_failure = failing;
      loop.drive();
      before_failure = -1;
      REQUIRE(scenario.over());
      REQUIRE(internal::live_frames() == 0);
      REQUIRE(loop.timers() == 0);
      int errors = 0;
      for (const Flow& client : scenario.clients()) {
        if (!client.error) continue;
        ++errors;
        REQUIRE(internal::status_of(client.error, Cause::kInternal, "a flow").cause() ==
                Cause::kNoMemory);
      }
      REQUIRE(errors <= 1);
      ended_by_it += errors;
      if (!failed) break;
    }
    REQUIRE(ended_by_it > 0);
  });
}

TEST_CASE("Memory that runs out leaves no invalidation behind that is never told") {
  for (int failing = 0;; ++failing) {
    CAPTURE(failing);
    internal::TierMetrics metrics("no memory");
    internal::Outbox outbox({}, 7, metrics);
    const auto tell_all = [&] {
      bool succeeds = false;
      while (const auto next = outbox.next_forgetting()) {
        outbox.told(*next, std::exchange(succeeds, true));
      }
    };
    failed = false;
    before_failure = failing;
    for (const char* const key : {"a key that is longer than a short string", "k"}) {
      try {
        outbox.forget(key, true);
        tell_all();
      } catch (const std::bad_alloc&) {
      }
    }
    before_failure = -1;
    tell_all();
    REQUIRE_FALSE(outbox.has_next());
    REQUIRE_FALSE(outbox.is_void("k"));
    REQUIRE_FALSE(outbox.is_void("a key that is longer than a short string"));
    if (!failed) break;
    REQUIRE(failing < 1000);
  }
}

}  // namespace
}  // namespace tidegate::test

#endif
