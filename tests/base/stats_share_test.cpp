// SPDX-License-Identifier: Apache-2.0

#include "base/stats_share.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/cell_arena.hpp"
#include "base/cell_record.hpp"
#include "support/child.hpp"
#include "support/seeds.hpp"
#include "tidegate/metrics.hpp"

using namespace tidegate;            // NOLINT(google-build-using-namespace)
using namespace tidegate::internal;  // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;
using tidegate::test::in_child;
using tidegate::test::repeat;

namespace {

// What a process of a test ends with: 0, or a number for the line that did not hold.
#define HOLDS(condition) \
  if (!(condition)) return 1 + __LINE__ % 250

class Directory {
 public:
  Directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tg-stats-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  const std::string& path() const { return path_; }
  std::size_t files() const {
    std::size_t count = 0;
    for (const auto& file : std::filesystem::directory_iterator(path_)) {
      count += file.path().filename().string().starts_with("stats-") ? 1 : 0;
    }
    return count;
  }

 private:
  std::string path_;
};

class Pipe {
 public:
  Pipe() { REQUIRE(::pipe2(ends_.data(), O_CLOEXEC) == 0); }
  void tell() const { (void)!::write(ends_[1], "x", 1); }
  // In the process that hears: otherwise the end of the other one would not be heard.
  void only_hear() {
    ::close(ends_[1]);
    ends_[1] = -1;
  }
  bool hear() const {
    char byte = 0;
    return ::read(ends_[0], &byte, 1) == 1;
  }

 private:
  std::array<int, 2> ends_{};
};

// A worker: a process that shares the directory, does what it is to do, says so and then waits to
// be let go or killed.
class Worker {
 public:
  Worker(const std::string& directory, const std::function<void()>& work) {
    id_ = ::fork();
    if (id_ != 0) {
      done_.only_hear();
      started_ = done_.hear();
      return;
    }
    ::alarm(120);
    if (!directory.empty() && !share_stats(directory).ok()) ::_exit(1);
    work();
    done_.tell();
    leave_.hear();
    ::_exit(0);
  }
  bool started() const { return started_; }
  bool leave() {
    leave_.tell();
    return ended() == 0;
  }
  bool kill() {
    ::kill(id_, SIGKILL);
    return ended() == SIGKILL;
  }

 private:
  int ended() const {
    int status = -1;
    return ::waitpid(id_, &status, 0) == id_ ? status : -1;
  }

  Pipe done_;
  Pipe leave_;
  pid_t id_ = 0;
  bool started_ = false;
};

Counter& events() {
  return Registry::global().counter("share_test.events", {}, "Events of a test");
}
Gauge& in_flight() { return Registry::global().gauge("share_test.in_flight", {}, "Under way"); }
Histogram& times() { return Registry::global().histogram("share_test.time", {}, "Durations"); }

double all(std::string_view path) { return stats(StatsOf::kAllWorkers).value(path).value_or(-1); }

void count(std::uint64_t n) {
  events().add(n);
  in_flight().add(1);
  times().record(Duration(1ms) * n);
}

}  // namespace

TEST_CASE("AnyWorkerSpeaksForAll") {
  const Directory directory;
  CHECK(in_child([&] {
          Worker two(directory.path(), [] { count(20); });
          Worker three(directory.path(), [] { count(300); });
          HOLDS(share_stats(directory.path()).ok());
          count(1);
          HOLDS(two.started() && three.started());
          HOLDS(all("share_test.events") == 321);
          HOLDS(all("share_test.in_flight") == 3);
          HOLDS(all("share_test.time.count") == 3);
          HOLDS(all("share_test.time.max_s") == 0.3);
          HOLDS(all("workers.alive") == 3);
          HOLDS(workers().size() == 3 && workers().front() == ::getpid());
          HOLDS(all("workers.unreadable") == 0);
          HOLDS(stats().value("share_test.events") == 1.0);

          Worker four(directory.path(), [] {
            count(4'000);
            if (all("share_test.events") != 4'321) ::_exit(1);
          });
          HOLDS(four.started());
          events().add(50'000);
          HOLDS(all("share_test.events") == 54'321);
          const std::string text = stats(StatsOf::kAllWorkers).prometheus();
          HOLDS(text.find("tidegate_share_test_events_total 54321\n") != std::string::npos);
          HOLDS(two.leave() && three.leave() && four.leave());
          return 0;
        }) == 0);
}

TEST_CASE("AKilledWorkersCountersStayAndItsGaugesGo") {
  const Directory directory;
  CHECK(in_child([&] {
          HOLDS(share_stats(directory.path()).ok());
          for (int round = 1; round <= 5; ++round) {
            Worker worker(directory.path(), [] { count(10); });
            HOLDS(worker.started());
            HOLDS(all("share_test.events") == 10 * round);
            HOLDS(all("share_test.in_flight") == 1);
            HOLDS(worker.kill());
            for (int reading = 0; reading < 3; ++reading) {
              HOLDS(all("share_test.events") == 10 * round);
              HOLDS(all("share_test.time.count") == round);
              HOLDS(all("share_test.in_flight") == -1);  // there is none any more
              HOLDS(all("workers.alive") == 1);
              HOLDS(workers() == std::vector<std::int64_t>{::getpid()});
            }
            HOLDS(all("workers.gone") == round);
            HOLDS(directory.files() == 1);
          }
          return 0;
        }) == 0);
  CHECK(in_child([&] {  // and after all of them have ended
          HOLDS(share_stats(directory.path()).ok());
          HOLDS(all("share_test.events") == 50);
          HOLDS(all("workers.gone") == 6);
          return 0;
        }) == 0);
}

TEST_CASE("AChildCountsFromZeroInAFileOfItsOwn") {
  const Directory directory;
  CHECK(in_child([&] {
          HOLDS(share_stats(directory.path()).ok());
          count(7);
          Counter& inherited = events();
          Worker child("", [&] {
            if (inherited.value() != 0 || in_flight().value() != 0) ::_exit(1);
            if (all("workers.alive") != 2) ::_exit(1);
            inherited.add(100);
            Registry::global().counter("share_test.new", {}, "Made in the child").add(3);
            Worker grandchild("", [&] { inherited.add(1'000); });
            if (inherited.value() != 100 || all("share_test.events") != 1'107) ::_exit(1);
            if (!grandchild.kill()) ::_exit(1);
          });
          HOLDS(child.started());
          HOLDS(inherited.value() == 7);
          HOLDS(all("share_test.events") == 1'107);
          HOLDS(all("share_test.new") == 3);
          HOLDS(all("share_test.in_flight") == 1);
          HOLDS(child.kill());
          HOLDS(all("share_test.events") == 1'107);
          HOLDS(all("workers.alive") == 1);
          return 0;
        }) == 0);
}

TEST_CASE("AChildThatCanMakeNoFileCountsForItselfAndNotForItsParent") {
  const Directory directory;
  CHECK(in_child([&] {
          HOLDS(share_stats(directory.path()).ok());
          count(7);
          HOLDS(::rename(directory.path().c_str(), (directory.path() + "-away").c_str()) == 0);
          Worker child("", [] {
            if (events().value() != 0) ::_exit(1);
            events().add(100);
            if (all("share_test.events") != 100) ::_exit(1);
          });
          HOLDS(::rename((directory.path() + "-away").c_str(), directory.path().c_str()) == 0);
          HOLDS(child.started());
          HOLDS(events().value() == 7);
          HOLDS(all("share_test.events") == 7);
          HOLDS(child.leave());
          return 0;
        }) == 0);
}

TEST_CASE("WhatWasCountedBeforeIsTakenAlongAndReferencesStayGood") {
  const Directory directory;
  CHECK(in_child([&] {
          count(5);
          Counter& kept = events();
          HOLDS(all("share_test.events") == 5);
          HOLDS(all("workers.alive") == 1);
          HOLDS(share_stats(directory.path()).ok());
          HOLDS(share_stats(directory.path() + "/").ok());  // again does nothing
          kept.add(1);
          HOLDS(&kept == &events());
          HOLDS(events().value() == 6);
          Worker other(directory.path(), [] {
            // It was forked from a process that shares: it has its own file already.
            if (all("share_test.events") != 6) ::_exit(1);
          });
          HOLDS(other.started());
          HOLDS(other.leave());
          return 0;
        }) == 0);
}

TEST_CASE("ManyMetricsMakeTheFileGrow") {
  const Directory directory;
  CHECK(in_child([&] {
          HOLDS(share_stats(directory.path()).ok());
          Worker worker(directory.path(), [] {
            for (int i = 0; i < 900; ++i) {
              const Labels labels = {{"n", std::to_string(i)}};
              Registry::global().histogram("share_test.many", labels, "Many").record(1ms);
            }
          });
          HOLDS(worker.started());
          HOLDS(all("share_test.0.many.count") == 1);
          HOLDS(all("share_test.899.many.count") == 1);
          HOLDS(worker.kill());
          HOLDS(all("share_test.0.many.count") == 1);
          HOLDS(all("share_test.899.many.count") == 1);
          return 0;
        }) == 0);
}

TEST_CASE("WithoutRoomAMetricIsCountedHereAlone") {
  const Directory directory;
  CHECK(in_child([&] {
          HOLDS(share_stats(directory.path()).ok());
          for (int family = 0; family < 8; ++family) {  // 18 MB
            for (int i = 0; i < 1'000; ++i) {
              Registry::global()
                  .histogram("share_test.full" + std::to_string(family), {{"n", std::to_string(i)}},
                             "Many")
                  .record(1ms);
            }
          }
          HOLDS(all("share_test.0.full0.count") == 1);
          HOLDS(all("share_test.999.full7.count") == 1);
          HOLDS(all("workers.alive") == 1);
          return 0;
        }) == 0);
}

TEST_CASE("BrokenCutOffAndForeignFilesAreSkippedAndCounted") {
  const Directory directory;
  const auto put = [&](const std::string& name, const std::string& bytes) {
    std::ofstream(directory.path() + "/" + name) << bytes;
  };
  CHECK(in_child([&] {
          HOLDS(share_stats(directory.path()).ok());
          count(3);
          StatsFile file;
          file.metrics = *Registry::global().snapshot();
          const std::string whole = encode_stats(file);
          put("stats-1-1-1", "");
          put("stats-1-1-2", "no such thing");
          put("stats-1-1-3", whole.substr(0, whole.size() - 9));
          std::string other_layout = whole;
          other_layout[8] ^= 1;
          put("stats-1-1-4", other_layout);
          put("gone", "broken, too");
          HOLDS(::symlink("/etc/passwd", (directory.path() + "/stats-1-1-5").c_str()) == 0);
          HOLDS(::mkfifo((directory.path() + "/stats-1-1-6").c_str(), 0600) == 0);
          HOLDS(::mkdir((directory.path() + "/stats-1-1-7").c_str(), 0700) == 0);
          HOLDS(all("share_test.events") == 3);
          HOLDS(all("workers.unreadable") == 8);
          HOLDS(all("workers.alive") == 1);

          Worker worker(directory.path(), [] { count(40); });
          HOLDS(worker.started());
          HOLDS(all("share_test.events") == 43);
          HOLDS(worker.kill());
          HOLDS(all("share_test.events") == 43);
          HOLDS(all("workers.unreadable") == 7);  // "gone" was written anew
          HOLDS(all("share_test.events") == 43);
          return 0;
        }) == 0);
}

TEST_CASE("ADirectoryThatOthersMayUseIsRefused") {
  const Directory directory;
  const auto refusal = [](const std::string& path) {
    const Status status = share_stats(path);
    CHECK(status.cause() == Cause::kConfig);
    return std::string(status.message());
  };
  const std::string open = directory.path() + "/open", link = directory.path() + "/link";
  REQUIRE(::mkdir(open.c_str(), 0755) == 0);
  REQUIRE(::symlink(directory.path().c_str(), link.c_str()) == 0);
  CHECK(refusal(open) == "'" + open +
                             "' cannot be the state directory: others may enter it; its mode has "
                             "to be 0700");
  CHECK(refusal(link).starts_with("'" + link + "' cannot be the state directory: "));
  CHECK(refusal("/proc/none/such") ==
        "'/proc/none/such' cannot be the state directory: No such file or directory");
  CHECK(refusal("") == "the state directory has no name");
  CHECK(in_child([&] {
          HOLDS(share_stats(directory.path() + "/made").ok());
          struct stat about = {};
          HOLDS(::stat((directory.path() + "/made").c_str(), &about) == 0);
          HOLDS((about.st_mode & 0777) == 0700);
          const Status second = share_stats(directory.path() + "/other");
          HOLDS(second.cause() == Cause::kConfig);
          HOLDS(second.message().find("/made' already") != std::string_view::npos);
          return 0;
        }) == 0);
}

TEST_CASE("WhileWorkersAreKilledNoReaderSeesACounterGoDown") {
  const Directory directory;
  CHECK(in_child([&] {
          HOLDS(share_stats(directory.path()).ok());
          // Another reader, so that two fold and read at the same time.
          const auto watch = [] {
            double last = 0;
            while (true) {
              const double now = all("share_test.events");
              if (now < last) ::_exit(2);
              last = now;
            }
          };
          events().add(0);
          const pid_t watcher = ::fork();
          if (watcher == 0) {
            ::alarm(120);
            watch();
          }
          double last = 0;
          for (int round = 0; round < repeat(40, 100); ++round) {
            Worker worker(directory.path(), [] { events().add(1); });
            HOLDS(worker.started());
            const double now = all("share_test.events");
            HOLDS(now == last + 1);
            HOLDS(worker.kill());
            HOLDS(all("share_test.events") == now);
            last = now;
          }
          HOLDS(::kill(watcher, SIGKILL) == 0);
          int status = 0;
          HOLDS(::waitpid(watcher, &status, 0) == watcher);
          HOLDS(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
          HOLDS(all("share_test.events") == repeat(40, 100));
          HOLDS(directory.files() == 1);
          return 0;
        }) == 0);
}

TEST_CASE("AFileThatIsInGoneAndStillThereIsNotCountedTwice") {
  const Directory directory;
  CHECK(in_child([&] {
          HOLDS(share_stats(directory.path()).ok());
          Worker worker(directory.path(), [] { count(9); });
          HOLDS(worker.started() && worker.kill());
          std::string name;
          for (const auto& file : std::filesystem::directory_iterator(directory.path())) {
            const std::string each = file.path().filename().string();
            if (!each.starts_with("stats-") || each == CellArena::global().file_name()) continue;
            name = each;
          }
          HOLDS(!name.empty());
          const std::string path = directory.path() + "/" + name, copy = directory.path() + "/copy";
          std::filesystem::copy_file(path, copy);
          HOLDS(all("share_test.events") == 9);
          HOLDS(!std::filesystem::exists(path));
          // As if the fold had been killed before it removed the file.
          std::filesystem::rename(copy, path);
          HOLDS(all("share_test.events") == 9);
          Worker next(directory.path(), [] { count(1); });
          HOLDS(next.started() && next.kill());
          HOLDS(all("share_test.events") == 10);
          HOLDS(all("share_test.events") == 10);
          HOLDS(directory.files() == 1);
          return 0;
        }) == 0);
}

TEST_CASE("AStatsFileKeepsAllNumbersAndTheHighestGaugeWhereThatIsMeant") {
  Registry one, two;
  one.counter("http.requests", {{"client", "cars"}, {"verb", "GET"}}, "Requests").add(5);
  one.gauge("breaker.state", {{"breaker", "cars"}}, "The state", Across::kMost).set(1);
  one.gauge("http.in_flight", {}, "Under way").set(-4);
  one.histogram("http.time", {}, "Times").record(2s);
  two.counter("http.requests", {{"client", "cars"}, {"verb", "PUT"}}, "Requests").add(7);
  two.gauge("breaker.state", {{"breaker", "cars"}}, "The state", Across::kMost).set(2);
  two.gauge("http.in_flight", {}, "Under way").set(6);
  two.histogram("http.time", {}, "Times").record(1s);
  two.gauge("odd", {}, "Another kind there").set(1);
  one.counter("odd", {}, "Another kind there").add(8);

  StatsFile file;
  file.metrics = *one.snapshot();
  file.generation = 42;
  file.names = {"stats-1", "stats-2"};
  const auto read = decode_stats(encode_stats(file));
  REQUIRE(read.has_value());
  CHECK(read->generation == 42);
  CHECK(read->names == file.names);
  auto sum = std::make_shared<Snapshot>(read->metrics);
  CHECK(Stats(sum).prometheus() == Stats(one.snapshot()).prometheus());
  add(*sum, *two.snapshot());
  const Stats both(sum);
  CHECK(both.value("http.cars.requests.GET") == 5.0);
  CHECK(both.value("http.cars.requests.PUT") == 7.0);
  CHECK(both.value("breaker.cars.state") == 2.0);
  CHECK(both.value("http.in_flight") == 2.0);
  CHECK(both.value("http.time.count") == 2.0);
  CHECK(both.value("http.time.sum_s") == 3.0);
  CHECK(both.value("http.time.max_s") == 2.0);
  CHECK(both.value("odd") == 8.0);
  drop_gauges(*sum);
  CHECK_FALSE(Stats(sum).value("http.in_flight").has_value());
  CHECK(Stats(sum).value("http.time.count") == 2.0);
}

TEST_CASE("NoBytesOfAStatsFileDoHarm") {
  Registry registry;
  registry.counter("http.requests", {{"client", "cars"}}, "Requests").add(5);
  registry.gauge("http.in_flight", {}, "Under way").set(-4);
  registry.histogram("http.time", {}, "Times").record(2s);
  StatsFile file;
  file.metrics = *registry.snapshot();
  file.names = {"stats-1"};
  const std::string whole = encode_stats(file);
  int read = 0;
  test::each_seed(3'000, 200'000, [&](std::uint64_t seed) {
    std::uint64_t state = seed * 0x9e3779b97f4a7c15;
    const auto draw = [&state](std::size_t below) {
      state = state * 6364136223846793005 + 1442695040888963407;
      return static_cast<std::size_t>(state >> 33) % below;
    };
    std::string bytes = whole;
    for (std::size_t i = 0; i <= draw(6); ++i) {
      const bool in_head = draw(2) == 0;
      bytes[draw(in_head ? 200 : bytes.size())] = static_cast<char>(draw(256));
    }
    if (draw(3) == 0) bytes.resize(draw(bytes.size()));
    if (const auto found = decode_stats(bytes)) {
      ++read;
      const Stats text(std::make_shared<Snapshot>(found->metrics));
      REQUIRE_FALSE(text.json().empty());
      (void)text.prometheus();
    }
  });
  CHECK(read > 0);
}
