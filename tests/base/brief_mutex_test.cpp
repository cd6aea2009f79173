// SPDX-License-Identifier: Apache-2.0
#include "base/brief_mutex.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "support/deep.hpp"

namespace tidegate::internal {
namespace {

constexpr int kThreads = 4;

TEST_CASE("One thread at a time is inside, and sees what the others did") {
  BriefMutex mutex;
  int first = 0;
  int second = 0;
  const int turns = test::repeat(20'000, 500'000);
  const auto work = [&] {
    for (int i = 0; i < turns; ++i) {
      const std::lock_guard lock(mutex);
      ++first;
      REQUIRE(++second == first);
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(work);
  for (auto& thread : threads) thread.join();
  CHECK(first == kThreads * turns);
}

// It is held for long enough that those who wait go to sleep; one that nobody woke would stay there.
TEST_CASE("Whoever sleeps is woken") {
  for (int round = 0; round < test::repeat(20, 500); ++round) {
    BriefMutex mutex;
    std::atomic<int> waiting{0};
    int through = 0;
    mutex.lock();
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        ++waiting;
        const std::lock_guard lock(mutex);
        ++through;
      });
    }
    while (waiting < kThreads) std::this_thread::yield();
    for (int i = 0; i < 1'000; ++i) std::this_thread::yield();
    CHECK(through == 0);
    mutex.unlock();
    for (auto& thread : threads) thread.join();
    CHECK(through == kThreads);
  }
}

}  // namespace
}  // namespace tidegate::internal
