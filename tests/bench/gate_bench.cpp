// SPDX-License-Identifier: Apache-2.0
// What the gate's pieces cost in C++ where nobody has to wait, beside one reading of the clock; and how
// late a turn is that was waited for. Prints one JSON object of figures. Times are CPU time of the
// threads that do the work, the median of several rounds.
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <new>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "bench/timing.hpp"
#include "tidegate/breaker.hpp"
#include "tidegate/gate.hpp"
#include "tidegate/keyed_limiter.hpp"
#include "tidegate/limiter.hpp"
#include "tidegate/retry.hpp"
#include "tidegate/runtime.hpp"
#include "tidegate/share.hpp"

namespace {

std::atomic<std::size_t> allocations{0};
std::atomic<std::size_t> allocated_bytes{0};

}  // namespace

// Counted: nothing that is measured here allocates.
void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* const made = std::malloc(size)) {
    allocated_bytes.fetch_add(::malloc_usable_size(made), std::memory_order_relaxed);
    return made;
  }
  throw std::bad_alloc();
}
void operator delete(void* object) noexcept {
  allocated_bytes.fetch_sub(::malloc_usable_size(object), std::memory_order_relaxed);
  std::free(object);
}
void operator delete(void* object, std::size_t) noexcept { operator delete(object); }

using namespace tidegate;
using bench::cpu_ns;
using bench::median;
using namespace std::chrono_literals;

namespace {

constexpr int kRounds = 51;
constexpr std::size_t kCalls = 10'000;  // of a round: shorter than a turn of the scheduler
constexpr std::uint32_t kMuch = 1'000'000'000;

// Of one call, in each of `threads` at the same time.
template <class Call>
double cost(Call call, int threads = 1) {
  std::vector<std::vector<double>> rounds(static_cast<std::size_t>(threads));
  std::barrier together(threads);
  const auto work = [&](std::size_t thread) {
    for (std::size_t i = 0; i < kCalls; ++i) call();
    for (int round = 0; round < kRounds; ++round) {
      together.arrive_and_wait();
      const double before = cpu_ns();
      for (std::size_t i = 0; i < kCalls; ++i) call();
      rounds[thread].push_back((cpu_ns() - before) / kCalls);
    }
  };
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < rounds.size(); ++i) others.emplace_back(work, i);
  work(0);
  for (auto& other : others) other.join();
  std::vector<double> all;
  for (const auto& each : rounds) all.insert(all.end(), each.begin(), each.end());
  return median(all);
}

template <class T>
void keep(const T& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

void print(const char* name, double figure) { std::printf("\"gate_%s\": %.3f,\n", name, figure); }

// So much that none of the calls here is refused.
LimiterOptions free_rate(const char* name) {
  return LimiterOptions().name(name).rate(kMuch, 1s, kMuch);
}

void measure_clock() {
  print("clock_ns", cost([] {
          timespec now{};
          ::clock_gettime(CLOCK_MONOTONIC, &now);
          keep(now);
        }));
}

// The least that anything can cost that decides by the time and by a word that others change too: the
// readings and the compare-and-swaps alone. A whole gate has a slot that is taken and given back, a
// start, and the window of its breaker, which reads the coarse clock.
void measure_floors() {
  struct alignas(64) Word {
    std::atomic<std::uint64_t> value{0};
    void change(std::uint64_t by) {
      std::uint64_t seen = value.load(std::memory_order_relaxed);
      while (!value.compare_exchange_weak(seen, seen + by, std::memory_order_acq_rel)) {
      }
    }
  };
  static Word slot, start, window;
  const auto read = [](clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    keep(now);
  };
  const auto begin = [&] {
    read(CLOCK_MONOTONIC);
    start.change(1);
  };
  print("floor_start_ns", cost(begin));
  print("floor_start_2_threads_ns", cost(begin, 2));
  print("floor_whole_ns", cost([&] {
          slot.change(1);
          begin();
          read(CLOCK_MONOTONIC_COARSE);
          window.change(1);
          slot.change(~std::uint64_t{0});
        }));
  std::vector<double> late;
  ::prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
  for (int i = 0; i < 200; ++i) {
    const TimePoint until = Deadline::now() + 5ms;
    std::this_thread::sleep_until(until);
    late.push_back(std::chrono::duration<double, std::milli>(Deadline::now() - until).count());
  }
  ::prctl(PR_SET_TIMERSLACK, 0UL, 0, 0, 0);
  print("floor_late_p50_ms", median(late));
}

void measure_limiter() {
  const Limiter limiter(free_rate("bench_allow"));
  const auto allow = [&] {
    if (!limiter.try_acquire()) std::abort();
  };
  print("allow_ns", cost(allow));
  print("allow_2_threads_ns", cost(allow, 2));
  const Limiter both(free_rate("bench_two").rate(kMuch, 2s, kMuch));
  print("allow_two_limits_ns", cost([&] { keep(both.try_acquire()); }));
  const Limiter never(LimiterOptions().name("bench_deny").rate(1, 1h));
  keep(never.try_acquire());
  const auto deny = [&] {
    if (never.try_acquire()) std::abort();
  };
  print("deny_ns", cost(deny));
  print("deny_2_threads_ns", cost(deny, 2));
}

// Over so many keys, one after the other in an order that no cache foresees. All are busy, and there
// already.
// Beside it a std::unordered_map<std::string, std::uint64_t> without a lock and a limit. Bytes: of a key with its name of 36 characters, which are allocated for it.
void measure_keys(std::size_t count, const std::string& which) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < count; ++i) {
    keys.push_back("00000000-0000-0000-0000-" + std::to_string(100'000'000'000 + i * 7919));
  }
  const std::size_t before = allocated_bytes.load();
  const KeyedLimiter limiter(
      KeyedLimiterOptions("bench_keys" + which).rate(1, 1s, 30'000'000).max_keys(count));
  for (const std::string& key : keys) keep(limiter.try_acquire(key));
  const auto bytes = static_cast<double>(allocated_bytes.load() - before);
  print(("bytes_of_key" + which).c_str(), bytes / static_cast<double>(count));
  std::unordered_map<std::string, std::uint64_t> map;
  for (const std::string& key : keys) map[key] = 1;
  std::size_t place = 0;
  print(("map" + which + "_ns").c_str(), cost([&] {
          place = (place + 7919) % count;
          keep(++map.find(keys[place])->second);
        }));
  const auto ask = [&](std::size_t& at) {
    at = (at + 7919) % count;
    if (!limiter.try_acquire(keys[at])) std::abort();
  };
  std::size_t at = 0;
  print(("keys" + which + "_ns").c_str(), cost([&] { ask(at); }));
  print(("keys" + which + "_2_threads_ns").c_str(),
        cost(
            [&] {
              thread_local std::size_t own =
                  std::hash<std::thread::id>()(std::this_thread::get_id());
              ask(own);
            },
            2));
}

// Each key is a new one, and all places are taken: what a flood of them costs.
void measure_flood() {
  const KeyedLimiter limiter(KeyedLimiterOptions("bench_flood").rate(1, 1h).max_keys(1000));
  std::size_t next = 0;
  std::string key(36, 'k');
  const auto ask = [&] {
    const std::size_t number = ++next;
    for (std::size_t i = 0; i < sizeof number; ++i) {
      key[i] = static_cast<char>(number >> (8 * i));
    }
    keep(limiter.try_acquire(key));
  };
  for (int i = 0; i < 10'000; ++i) ask();
  print("keys_flood_ns", cost(ask));
}

void measure_breaker() {
  Breaker closed(BreakerOptions().name("bench_closed"));
  print("breaker_closed_ns", cost([&] {
          BreakerPermit permit = closed.try_enter();
          if (!permit) std::abort();
          permit.success();
        }));
  Breaker open(BreakerOptions().name("bench_open").consecutive(1).open_for(1h, 1h));
  open.try_enter().failure(Cause::kConnect);
  print("breaker_open_ns", cost([&] {
          if (open.try_enter()) std::abort();
        }));
}

void measure_budget() {
  const RetryBudget budget;
  print("budget_call_ns", cost([&] { budget.call(); }));
}

void measure_gate() {
  const Gate gate(
      GateOptions("bench_gate").rate(kMuch, 1s, kMuch).concurrency(1000).breaker(BreakerOptions()));
  print("whole_ns", cost([&] {
          GatePermit permit = gate.try_enter();
          if (!permit) std::abort();
          permit.success();
        }));
}

// Two processes on one file, each of which does nothing else.
void measure_two_processes() {
  const Limiter shared(free_rate("bench_shared").share(Share::kHost));
  if (!shared.status().ok()) return;
  print("shared_ns", cost([&] { keep(shared.try_acquire()); }));
  int pipe[2];
  if (::pipe(pipe) != 0) return;
  const pid_t child = ::fork();
  const double took = cost([&] { keep(shared.try_acquire()); });
  if (child == 0) {
    if (::write(pipe[1], &took, sizeof took) != sizeof took) ::_exit(1);
    ::_exit(0);
  }
  double theirs = 0;
  const bool is_read = ::read(pipe[0], &theirs, sizeof theirs) == sizeof theirs;
  ::waitpid(child, nullptr, 0);
  if (is_read) print("two_processes_ns", std::max(took, theirs));
}

// How long after its time a turn comes that was waited for, and whether one ever came before it. In wall
// time, one waiting at a time.
void measure_lateness() {
  constexpr Duration kEvery = 5ms;
  const Limiter limiter(LimiterOptions().name("bench_late").rate(1, kEvery));
  std::vector<double> late;
  double early = 0;
  for (int i = 0; i < 200; ++i) {
    const TimePoint before = Deadline::now();  // so that none looks earlier than it is
    const Verdict verdict = limiter.try_acquire();
    if (verdict) continue;
    auto turn = limiter.acquire();
    if (!turn.wait().ok()) std::abort();
    const Duration off = Deadline::now() - (before + verdict.retry_after());
    late.push_back(std::chrono::duration<double, std::milli>(off).count());
    if (off < Duration::zero()) ++early;
  }
  print("late_p50_ms", median(late));
  print("early", early);
}

}  // namespace

int main() {
  std::printf("{\n");
  measure_clock();
  measure_floors();
  const std::size_t before = allocations.load();
  {
    const Limiter limiter(free_rate("bench_allocations"));
    Breaker breaker(BreakerOptions().name("bench_allocations"));
    keep(limiter.try_acquire());
    breaker.try_enter().success();
    const std::size_t warm = allocations.load();
    for (int i = 0; i < 100'000; ++i) {
      keep(limiter.try_acquire());
      breaker.try_enter().success();
    }
    print("allocations_per_1000", static_cast<double>(allocations.load() - warm) / 100);
  }
  measure_limiter();
  measure_keys(1000, "_1000");
  measure_keys(100'000, "_100000");
  measure_flood();
  measure_breaker();
  measure_budget();
  measure_two_processes();
  measure_gate();
  measure_lateness();
  std::printf("\"gate_warm_up_allocations\": %zu\n}\n", allocations.load() - before);
  return 0;
}
