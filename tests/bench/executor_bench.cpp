// SPDX-License-Identifier: Apache-2.0
// What the executor costs in C++, and how late its deadlines are. Prints one JSON object of
// figures.
#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "net/deadline_service.hpp"
#include "tidegate/query.hpp"
#include "tidegate/queue.hpp"
#include "tidegate/runtime.hpp"

using namespace tidegate;
using namespace std::chrono_literals;

namespace {

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double quantile(std::vector<double>& sorted, double share) {
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

// The median over rounds of wall and CPU nanoseconds for each of `count` operations.
struct Cost {
  double wall_ns, cpu_ns;
};
Cost cost_of(int count, const std::function<void()>& run) {
  std::vector<double> wall, cpu;
  for (int round = 0; round < 7; ++round) {
    const double cpu_before = cpu_seconds();
    const TimePoint before = Deadline::now();
    run();
    wall.push_back(static_cast<double>((Deadline::now() - before).count()) / count);
    cpu.push_back((cpu_seconds() - cpu_before) * 1e9 / count);
  }
  std::ranges::sort(wall);
  std::ranges::sort(cpu);
  return {wall[3], cpu[3]};
}

void print(const char* name, const Cost& cost) {
  std::printf("\"%s\": {\"wall_ns\": %.0f, \"cpu_ns\": %.0f},\n", name, cost.wall_ns, cost.cpu_ns);
}

struct NoTimer final : internal::DeadlineTimer {
  void expired() noexcept override {}
};

Cost arm_and_disarm() {
  internal::DeadlineService service;
  NoTimer timer;
  constexpr int kCount = 200'000;
  return cost_of(kCount, [&] {
    for (int i = 0; i < kCount; ++i) {
      (void)service.arm(timer, Deadline::now() + 15s);
      service.disarm(timer);
    }
  });
}

// Calls that do nothing, `in_flight` at a time, from submission to the completion queue.
Cost calls(int in_flight) {
  Executor ex;
  auto lane = ex.callables("bench", 2);
  CompletionQueue queue;
  pollfd ready{queue.fd(), POLLIN, 0};
  constexpr int kCount = 20'000;
  return cost_of(kCount, [&] {
    int submitted = 0, done = 0;
    while (done < kCount) {
      for (; submitted < kCount && submitted - done < in_flight; ++submitted) {
        queue.add(lane.call([] {}).start(), 0);
      }
      (void)::poll(&ready, 1, -1);
      done += static_cast<int>(queue.drain([](const Completion&) {}));
    }
  });
}

// 10,000 calls that wait behind one that never ends: each is ended by its deadline.
void print_lateness(const char* name, int busy_threads) {
  std::atomic<bool> over{false};
  std::vector<std::thread> busy;
  for (int i = 0; i < busy_threads; ++i) {
    busy.emplace_back([&] {
      for (unsigned x = 1; !over.load(std::memory_order_relaxed);) x = x * 1664525u + 1013904223u;
    });
  }
  std::vector<double> late;
  {
    Executor ex(ExecutorOptions().queue(20'000));
    auto lane = ex.callables("late", 1);
    auto stuck = lane.call([&](const StopSignal& stop) {
                       while (!stop.stopped()) std::this_thread::sleep_for(10ms);
                     })
                     .timeout(60s)
                     .start();
    std::mt19937 random(1);
    std::vector<std::pair<Deadline, Operation<Answer<std::monostate>>>> operations;
    for (int i = 0; i < 10'000; ++i) {
      const Deadline deadline =
          Deadline::after(500ms + std::chrono::microseconds(random() % 2'000'000));
      operations.emplace_back(
          deadline, lane.call([] {}).deadline(deadline).timeout(60s).fallback({}).start());
    }
    for (auto& [deadline, operation] : operations) {
      const auto settled = operation.wait()->timings.settled_at;
      late.push_back(static_cast<double>((settled - deadline.time()).count()) * 1e-6);
    }
    stuck.cancel();
  }
  over = true;
  for (auto& thread : busy) thread.join();
  std::ranges::sort(late);
  std::printf("\"%s\": {\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f}", name,
              quantile(late, 0.5), quantile(late, 0.99), late.back());
}

}  // namespace

int main() {
  std::printf("{");
  print("arm_disarm", arm_and_disarm());
  print("call_1_in_flight", calls(1));
  print("call_64_in_flight", calls(64));
  print_lateness("lateness_idle", 0);
  std::printf(",\n");
  print_lateness("lateness_cores_busy", static_cast<int>(std::thread::hardware_concurrency()));
  std::printf("}\n");
  return shutdown(2s).ok() ? 0 : 1;
}
