// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <poll.h>

#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "support/manual_operation.hpp"
#include "tidegate/queue.hpp"

using namespace tidegate;
using test::ManualOperation;

namespace {

bool readable(int fd, int timeout_ms = 0) {
  pollfd ready{fd, POLLIN, 0};
  return ::poll(&ready, 1, timeout_ms) == 1;
}

}  // namespace

TEST_CASE("TheDescriptorIsReadableExactlyWhileCompletionsWait") {
  CompletionQueue queue;
  const int fd = queue.fd();
  REQUIRE(fd >= 0);
  ManualOperation<int> a, b;
  queue.add(a.operation(), 1);
  queue.add(b.operation(), 2);
  CHECK(!readable(fd));
  a.end(10);
  b.end(20);
  CHECK(readable(fd));
  Completion one[1];
  CHECK(queue.next(one) == 1);
  CHECK(one[0].tag == 1);
  CHECK(one[0].result<int>().value() == 10);
  CHECK(readable(fd));
  CHECK(queue.next(one) == 1);
  CHECK(one[0].tag == 2);
  CHECK(!readable(fd));
  CHECK(queue.next(one) == 0);
}

TEST_CASE("AnOperationThatHasEndedIsQueuedAtOnce") {
  CompletionQueue queue;
  ManualOperation<int> manual;
  manual.end(1);
  queue.add(manual.operation(), 9);
  CHECK(queue.size() == 1);
  CHECK(readable(queue.fd()));
}

TEST_CASE("OneOperationMayBeWatchedByManyQueues") {
  CompletionQueue first, second;
  ManualOperation<int> manual;
  first.add(manual.operation(), 1);
  second.add(manual.operation(), 2);
  manual.end(1);
  CHECK(first.size() == 1);
  CHECK(second.size() == 1);
}

TEST_CASE("AQueueMayGoBeforeItsOperations") {
  ManualOperation<int> manual;
  {
    CompletionQueue().add(manual.operation(), 1);
  }
  CHECK(manual.end(1));
}

TEST_CASE("TakingCompletionsDropsEarlierOnesOutsideTheLock") {
  CompletionQueue queue;
  // Its destructor uses the queue that the completion came from.
  struct AddsOnDrop {
    explicit AddsOnDrop(CompletionQueue& to) : queue(&to) {}
    ~AddsOnDrop() {
      ManualOperation<int> more;
      more.end(1);
      queue->add(more.operation(), 2);
    }
    CompletionQueue* queue;
  };
  {
    ManualOperation<std::shared_ptr<AddsOnDrop>> first;
    queue.add(first.operation(), 1);
    first.end(std::make_shared<AddsOnDrop>(queue));
  }
  Completion one[1];
  REQUIRE(queue.next(one) == 1);
  CHECK(one[0].tag == 1);
  CHECK(queue.next(one) == 1);
  CHECK(one[0].tag == 2);
}

TEST_CASE("NothingIsLostBetweenManyProducersAndOnePoller") {
  constexpr int kThreads = 4, kEach = 5'000;
  CompletionQueue queue;
  const int fd = queue.fd();
  std::vector<std::thread> producers;
  for (int t = 0; t < kThreads; ++t) {
    producers.emplace_back([&queue, t] {
      for (int i = 0; i < kEach; ++i) {
        ManualOperation<int> manual;
        queue.add(manual.operation(), static_cast<std::uint64_t>(t * kEach + i));
        manual.end(i);
      }
    });
  }
  std::map<std::uint64_t, int> seen;
  while (seen.size() < kThreads * kEach && readable(fd, 60'000)) {
    queue.drain([&](const Completion& completion) { ++seen[completion.tag]; });
  }
  for (auto& producer : producers) producer.join();
  CHECK(seen.size() == kThreads * kEach);
  for (const auto& [tag, count] : seen) CHECK(count == 1);
  CHECK(!readable(fd));
}
