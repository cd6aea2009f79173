// SPDX-License-Identifier: Apache-2.0
// Exactly once: results, cancels and deadlines race for every call.
#include <doctest/doctest.h>

#include <atomic>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include "support/deep.hpp"
#include "support/event.hpp"
#include "tidegate/query.hpp"
#include "tidegate/queue.hpp"

using namespace tidegate;
using namespace std::chrono_literals;

namespace {

using Tagged = Operation<Answer<std::uint64_t>>;

// Threads of the test's own that bring every task back at once.
class Pullers {
 public:
  explicit Pullers(External lane) : lane_(lane) {}
  ~Pullers() {
    for (auto& thread : threads_) thread.join();
  }
  void start() {
    threads_.emplace_back([lane = lane_] {
      auto worker = lane.enter();
      while (auto task = worker.pull()) {
        if (task->spare_wanted) lane.not_started();
        if (task->tag % 7 == 0) std::this_thread::yield();
        worker.finish(*task,
                      task->tag % 11 == 0 ? Status(Cause::kQueryError, "said no") : Status());
      }
    });
  }

 private:
  External lane_;
  std::vector<std::thread> threads_;
};

}  // namespace

TEST_CASE("EveryCallEndsExactlyOnceUnderRacingResultsCancelsAndDeadlines") {
  const auto calls = static_cast<std::uint64_t>(test::repeat(50'000, 1'000'000));
  constexpr std::uint64_t kWindow = 256;
  auto ex = std::make_unique<Executor>(ExecutorOptions().queue(2 * kWindow));
  External lane = ex->external("race", 3);
  CompletionQueue queue;
  std::map<Cause, std::uint64_t> outcomes;
  std::vector<std::uint8_t> ended(calls, 0);
  {
    Pullers pullers(lane);
    for (int i = 0; i < 3; ++i) pullers.start();

    // The canceller shares every third operation with the submitter through one slot.
    std::atomic<Tagged*> offered{nullptr};
    std::atomic<bool> over{false};
    std::thread canceller([&] {
      while (!over) {
        if (Tagged* taken = offered.exchange(nullptr)) {
          taken->cancel();
          taken->cancel();
          delete taken;
        } else {
          std::this_thread::yield();
        }
      }
    });

    std::mt19937 random(7);
    std::uint64_t submitted = 0, done = 0;
    while (done < calls) {
      while (submitted < calls && submitted - done < kWindow) {
        External::Options options;
        const std::uint32_t draw = random() % 8;
        if (draw < 3) options.timeout = std::chrono::microseconds(random() % 400);
        bool ignored = false;
        Tagged operation = lane.submit(submitted, options, &ignored);
        if (ignored) lane.not_started();
        queue.add(operation, submitted);
        if (draw >= 5) {
          if (Tagged* stale = offered.exchange(new Tagged(operation))) delete stale;
        }
        ++submitted;
      }
      done += queue.drain([&](const Completion& completion) {
        ++ended[completion.tag];
        const auto& result = completion.result<Answer<std::uint64_t>>();
        ++outcomes[result.status().cause()];
        if (result.ok()) REQUIRE(result->value == completion.tag);
      });
      if (done < calls && submitted == calls) std::this_thread::yield();
    }
    over = true;
    canceller.join();
    if (Tagged* stale = offered.exchange(nullptr)) delete stale;

    for (const std::uint8_t count : ended) REQUIRE(count == 1);
    CHECK(queue.size() == 0);
    CHECK(test::eventually([&] { return lane.stats().zombies == 0; }));
    CHECK(lane.stats().running == 0);
    CHECK(lane.stats().queued == 0);
    for (const auto& [cause, count] : outcomes) {
      CAPTURE(cause_info(cause).name);
      CHECK((cause == Cause::kNone || cause == Cause::kCancelled || cause == Cause::kDeadline ||
             cause == Cause::kQueryError || cause == Cause::kAdmission ||
             cause == Cause::kSaturated));
    }
    CHECK(outcomes[Cause::kNone] > 0);
    CHECK(outcomes[Cause::kCancelled] > 0);
    CHECK(outcomes[Cause::kDeadline] > 0);
    ex.reset();
  }
}
