// SPDX-License-Identifier: Apache-2.0
// Processes that share a limiter, and are killed at any point: what all of them together start.
#include <doctest/doctest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "base/ports/rng.hpp"
#include "support/deep.hpp"
#include "support/temp_directory.hpp"
#include "tidegate/limiter.hpp"

namespace tidegate {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostProcesses = 16;
constexpr std::size_t kMostStarts = 4000;

// Where children write what they start, so that it is there when they are killed.
struct Starts {
  struct Start {
    TimePoint before;  // the decision fell
    TimePoint after;   // in between
  };
  std::atomic<std::size_t> count{0};
  std::array<Start, kMostStarts> each{};
};

class Ledger {
 public:
  Ledger()
      : starts_(::mmap(nullptr, sizeof(Starts) * kMostProcesses, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    REQUIRE(starts_ != MAP_FAILED);
    for (std::size_t i = 0; i < kMostProcesses; ++i) new (&of(i)) Starts;
  }
  ~Ledger() { ::munmap(starts_, sizeof(Starts) * kMostProcesses); }
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  Starts& of(std::size_t process) { return static_cast<Starts*>(starts_)[process]; }

  std::vector<Starts::Start> all(std::size_t processes) {
    std::vector<Starts::Start> all;
    for (std::size_t i = 0; i < processes; ++i) {
      const auto begin = of(i).each.begin();
      all.insert(all.end(), begin, begin + static_cast<std::ptrdiff_t>(of(i).count.load()));
    }
    return all;
  }

 private:
  void* const starts_;
};

// Children that start what they can, and tell of each start by a byte.
class Workers {
 public:
  // `start` waits for a start, or tries, and says whether it may.
  template <class Start>
  Workers(std::size_t processes, Ledger& ledger, Start start) {
    REQUIRE(::pipe(pipe_) == 0);
    for (std::size_t i = 0; i < processes; ++i) {
      const pid_t child = ::fork();
      if (child == 0) {
        work(ledger.of(i), start);
        ::_exit(0);
      }
      REQUIRE(child > 0);
      children_.push_back(child);
    }
  }
  ~Workers() {
    for (std::size_t i = 0; i < children_.size(); ++i) kill(i);
    ::close(pipe_[0]);
    ::close(pipe_[1]);
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Until so many more have started.
  void watch(std::uint64_t starts) {
    char told = 0;
    for (; starts > 0; --starts) REQUIRE(::read(pipe_[0], &told, 1) == 1);
  }

  void kill(std::size_t process) {
    if (children_[process] == 0) return;
    ::kill(children_[process], SIGKILL);
    int status = 0;
    CHECK(::waitpid(children_[process], &status, 0) == children_[process]);
    CHECK(WIFSIGNALED(status));
    children_[process] = 0;
  }

 private:
  template <class Start>
  void work(Starts& mine, Start& start) {
    ::alarm(120);
    for (;;) {
      const TimePoint before = Deadline::now();
      if (!start()) continue;
      const std::size_t count = mine.count.load(std::memory_order_relaxed);
      if (count == kMostStarts) return;
      mine.each[count] = {before, Deadline::now()};
      mine.count.store(count + 1, std::memory_order_release);
      if (::write(pipe_[1], "x", 1) != 1) return;
    }
  }

  int pipe_[2] = {-1, -1};
  std::vector<pid_t> children_;
};

// How many there are too many, of those that certainly lie in a window, in the worst one.
std::int64_t excess(std::vector<Starts::Start> starts, std::int64_t burst, Duration interval) {
  std::sort(starts.begin(), starts.end(),
            [](const auto& a, const auto& b) { return a.after < b.after; });
  std::int64_t worst = 0;
  for (const auto& first : starts) {
    std::int64_t inside = 0;
    for (const auto& each : starts) {
      if (each.before < first.before) continue;
      ++inside;
      worst = std::max(worst, inside - burst - (each.after - first.before) / interval);
    }
  }
  return worst;
}

LimiterOptions shared(const test::TempDirectory& directory, const char* name) {
  return LimiterOptions().name(name).share(Share::kHost).state_dir(directory.path("state"));
}

TEST_CASE("ProcessesTogetherStartNeitherMoreNorLessThanIsPromisedWhoeverIsKilled") {
  if (test::kForkIsBroken) return;
  struct Case {
    const char* name;
    LimiterOptions::Rate second;  // beside 1,000 a second, 200 together
  };
  const Case cases[] = {{"one limit", {}}, {"two limits", {60'000, 1min, 300, false}}};
  internal::Rng rng(1);
  for (const Case& each : cases) {
    for (const std::size_t processes : {1u, 4u, 16u}) {
      CAPTURE(each.name);
      CAPTURE(processes);
      const test::TempDirectory directory;
      LimiterOptions options = shared(directory, each.name).rate(1000, 1s, 200);
      if (each.second.permits > 0) {
        options.rate(each.second.permits, each.second.per, each.second.burst);
      }
      const Limiter limiter(options);  // the children go on with its mapping
      REQUIRE(limiter.status().ok());
      Ledger ledger;
      std::size_t kills = 0;
      {
        Workers workers(processes, ledger, [&] {
          if (limiter.try_acquire()) return true;
          ::sched_yield();
          return false;
        });
        const std::size_t most_kills = processes == 1 ? 0 : processes / 2;
        for (; kills < most_kills; ++kills) {
          workers.watch(20 + rng.below(60));
          workers.kill(kills);
        }
        workers.watch(static_cast<std::uint64_t>(test::repeat_processes(500, 2000)));
      }
      auto all = ledger.all(processes);
      CHECK(excess(all, 200, 1ms) <= 0);
      std::sort(all.begin(), all.end(),
                [](const auto& a, const auto& b) { return a.after < b.after; });
      // The burst, and then one each millisecond, but where no process has run. Half of the burst
      // may be saved up at the end, from such a time.
      const TimePoint first = all.front().before, last = all.back().after;
      Duration idle{};
      for (std::size_t i = 1; i < all.size(); ++i) {
        const Duration gap = all[i].after - all[i - 1].after;
        if (gap > 50ms) idle += gap;
      }
      const auto due = 200 + static_cast<std::size_t>((last - first - idle) / 1ms);
      CHECK(all.size() + 1 + kills + 100 >= due);
    }
  }
}

// That they take turns exactly is tested in virtual time. Here a process that does not run for longer
// than the others take misses one, which a slow limit makes rare.
TEST_CASE("ProcessesThatWaitAllHaveTheirShareWhoeverIsKilled") {
  if (test::kForkIsBroken) return;
  const bool is_deep = test::repeat(0, 1) != 0;
  const test::TempDirectory directory;
  Ledger ledger;
  constexpr std::size_t kProcesses = 4;
  std::array<std::size_t, kProcesses> shares{};
  {
    const LimiterOptions options = shared(directory, "turns").rate(is_deep ? 10 : 200, 1s);
    Workers workers(kProcesses, ledger, [&] {
      static const Limiter limiter(options);  // of the child's own
      return limiter.acquire().wait().ok();
    });
    workers.watch(20);
    workers.kill(0);
    std::array<std::size_t, kProcesses> before{};
    for (std::size_t i = 0; i < kProcesses; ++i) before[i] = ledger.of(i).count.load();
    workers.watch(is_deep ? 99 : 100);
    for (std::size_t i = 0; i < kProcesses; ++i) shares[i] = ledger.of(i).count.load() - before[i];
  }
  const auto [least, most] = std::minmax_element(shares.begin() + 1, shares.end());
  INFO("shares from ", *least, " to ", *most);
  CHECK(static_cast<double>(*most) <= (is_deep ? 1.1 : 2) * static_cast<double>(*least));
}

}  // namespace
}  // namespace tidegate
