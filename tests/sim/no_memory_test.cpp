// SPDX-License-Identifier: Apache-2.0
//
// Every allocation of a run fails once: a frame, the place for a child, a status. The thread
// sanitizer has an operator new of its own, which cannot be replaced: there is nothing to see.
#include <doctest/doctest.h>

#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "cache/outbox.hpp"
#include "gate/gate_core.hpp"
#include "gate/keyed_core.hpp"
#include "gate/limiter_core.hpp"
#include "gate/limiter_home.hpp"
#include "http/fetch.hpp"
#include "support/encode.hpp"
#include "support/failing_new.hpp"
#include "support/loop_clock.hpp"
#include "support/scenario.hpp"
#include "support/seeds.hpp"
#include "support/sim_limits.hpp"
#include "support/timed_transport.hpp"

#ifdef TIDEGATE_TEST_SKIPPED
TEST_CASE("Memory does not run out under the thread sanitizer") {}
#else

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

TEST_CASE("Memory that runs out while a body is decoded leaves nobody with an encoded one") {
  std::string text;
  for (int i = 0; text.size() < 300'000; ++i) text += std::to_string(i * i);
  const Bytes encoded(encode("gzip", text));  // it takes several slices to decode
  int failures = 0;
  for (int failing = 0;; ++failing) {
    CAPTURE(failing);
    SimLoop loop;
    ClientOptions::Values options;
    options.name = "no memory";
    const internal::HttpDefaults defaults(options);
    const auto transport = std::make_shared<TimedTransport>(
        loop, [&](const internal::TransportRequest&, internal::TransportReply& reply) {
          reply.headers.add("Content-Encoding", "gzip");
          reply.body = encoded;
          return Duration::zero();
        });
    const auto core = std::make_shared<internal::HttpCore>(loop, transport, options, 1);
    Request::Values request;
    request.method = "GET";
    request.url = "http://a.test/";
    auto plan = internal::make_plan(request, defaults);
    REQUIRE(plan.ok());
    const auto operation = internal::Fetch::start(core, std::move(plan).value(), loop.now());
    failed = false;
    before_failure = failing;
    loop.drive();
    before_failure = -1;
    REQUIRE(operation.done());
    const auto result = operation.wait();
    if (result.ok()) {
      REQUIRE(result->text() == text);
    } else {
      REQUIRE(result.status().cause() == Cause::kNoMemory);
      ++failures;
    }
    REQUIRE(internal::live_frames() == 0);
    REQUIRE(core->decode_share().slice() == internal::DecodeShare::kSlice);
    if (!failed) break;
  }
  CHECK(failures > 10);
}

// Asks for a start while one allocation fails.
template <class Ask>
bool is_granted_without_memory(SimLoop& loop, int failing, const Ask& ask) {
  bool is_granted = false;
  failed = false;
  before_failure = failing;
  try {
    const auto turn = ask();
    loop.drive();
    before_failure = -1;
    REQUIRE(turn.done());
    is_granted = turn.wait().ok();
  } catch (const std::bad_alloc&) {
    before_failure = -1;
  }
  loop.drive();
  return is_granted;
}

TEST_CASE("Memory that runs out in an acquire leaves nobody in the line and takes no start") {
  using namespace std::chrono_literals;
  for (const bool must_wait : {false, true}) {
    int failures = 0;
    for (int failing = 0;; ++failing) {
      CAPTURE(must_wait);
      CAPTURE(failing);
      SimLoop loop;
      const auto core = std::make_shared<internal::LimiterCore>(
          loop, policy::Limiter(loop.now(), {policy::Limit::rate(1, 1s)}), "no memory", 10);
      const std::int64_t waited_before = core->metrics().waiting.value();
      if (must_wait) REQUIRE(core->start_now(loop.now(), 1));
      const bool is_granted = is_granted_without_memory(
          loop, failing, [&] { return core->acquire(loop.now(), 1, Deadline::never()); });
      REQUIRE(is_granted != failed);
      REQUIRE(core->waiting() == 0);
      REQUIRE(core->metrics().waiting.value() == waited_before);
      REQUIRE(internal::live_frames() == 0);
      // As if it had never been asked for.
      const Duration wait = core->reserve(loop.now(), 1, 0s).wait;
      REQUIRE(wait == (must_wait || is_granted ? 1s : 0s));
      failures += failed ? 1 : 0;
      if (!failed) break;
    }
    CHECK(failures > 0);
  }
}

TEST_CASE("Memory that runs out in an acquire of a key leaves no line and takes no start") {
  using namespace std::chrono_literals;
  for (const bool must_wait : {false, true}) {
    int failures = 0;
    for (int failing = 0;; ++failing) {
      CAPTURE(must_wait);
      CAPTURE(failing);
      SimLoop loop;
      const auto core = std::make_shared<internal::KeyedCore>(
          loop, policy::Limiter(loop.now(), {policy::Limit::rate(1, 1s)}), "no memory",
          internal::KeyedCore::Bounds{.keys = 10, .waiting = 10, .waiting_of_key = 10});
      const std::string key = "a key that is longer than a short string";
      if (must_wait) REQUIRE(core->start_now(key, loop.now(), 1));
      const bool is_granted = is_granted_without_memory(
          loop, failing, [&] { return core->acquire(key, loop.now(), 1, Deadline::never()); });
      // Without memory for its place a key counts with others, and starts all the same.
      REQUIRE((is_granted || failed));
      REQUIRE(core->waiting() == 0);
      REQUIRE(core.use_count() == 1);
      REQUIRE(internal::live_frames() == 0);
      const Duration wait = core->take(key, loop.now(), 1);
      REQUIRE(wait == (must_wait || is_granted ? 1s : 0s));
      failures += failed ? 1 : 0;
      if (!failed) break;
    }
    CHECK(failures > 0);
  }
}

TEST_CASE("Memory that runs out in an acquire of a gate leaves nobody in its line") {
  using namespace std::chrono_literals;
  int failures = 0;
  for (int failing = 0;; ++failing) {
    CAPTURE(failing);
    SimLoop loop;
    LoopClock clock(loop);
    const GateOptions options = GateOptions("no memory").concurrency(1);
    const auto core = internal::GateCore::make(
        loop, internal::GateCore::Clocks{.clock = clock, .coarse = clock}, options.values(),
        internal::limiter_of({}, SimLoop::kStart, 0), internal::GateCore::Shared{}, 1);
    auto inside = core->acquire(loop.now(), Deadline::never(), GatePriority::kNormal);
    auto held = inside.wait();
    REQUIRE(held.ok());
    failed = false;
    before_failure = failing;
    try {
      const auto turn = core->acquire(loop.now(), Deadline::never(), GatePriority::kNormal);
      loop.drive();
      before_failure = -1;
      turn.cancel();
      loop.drive();
      REQUIRE(turn.done());
    } catch (const std::bad_alloc&) {
      before_failure = -1;
    }
    loop.drive();
    held->success();
    loop.drive();
    REQUIRE(internal::live_frames() == 0);
    REQUIRE(core->try_enter());
    failures += failed ? 1 : 0;
    if (!failed) break;
  }
  CHECK(failures > 0);
}

internal::Task<void> enter_and_leave(std::shared_ptr<internal::GateCore> gate, bool* has_entered) {
  auto entering = internal::GateCore::try_enter_in_flow(std::move(gate), true);
  const GatePermit permit = co_await std::move(entering);
  *has_entered = static_cast<bool>(permit);
}

TEST_CASE("Memory that runs out in a question to Redis gives the slot of a gate back") {
  using namespace std::chrono_literals;
  int failures = 0;
  for (int failing = 0;; ++failing) {
    CAPTURE(failing);
    SimLoop loop;
    LoopClock clock(loop);
    const policy::Limiter limiter(loop.now(), {policy::Limit::rate(1000, 1s, 100)});
    SimLimits store(loop, limiter);
    const GateOptions options = GateOptions("no memory").concurrency(1);
    const auto core = internal::GateCore::make(
        loop, internal::GateCore::Clocks{.clock = clock, .coarse = clock}, options.values(),
        limiter, internal::GateCore::Shared{}, 1,
        internal::RemoteSetup{.limits = std::make_shared<SimLimitsClient>(store),
                              .promised = limiter,
                              .down = ShareDown::kRefuse});
    bool has_entered = false;
    auto entering = enter_and_leave(core, &has_entered);
    failed = false;
    before_failure = failing;
    {
      const Flow flow(loop, std::move(entering));
      loop.drive();
    }
    before_failure = -1;
    REQUIRE((has_entered || failed));
    has_entered = false;
    const Flow again(loop, enter_and_leave(core, &has_entered));
    loop.drive();
    REQUIRE(has_entered);
    failures += failed ? 1 : 0;
    if (!failed) break;
  }
  CHECK(failures > 0);
}

}  // namespace
}  // namespace tidegate::test

#endif
