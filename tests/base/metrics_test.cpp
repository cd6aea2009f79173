// SPDX-License-Identifier: Apache-2.0

#include "base/metrics.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/json.hpp"
#include "base/metrics_snapshot.hpp"
#include "support/deep.hpp"
#include "tidegate/metrics.hpp"

using namespace tidegate::internal;
using tidegate::Duration;
using tidegate::Stats;
using namespace std::chrono_literals;

namespace {

Stats stats_of(const Registry& registry) { return Stats(registry.snapshot()); }

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos;
       at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("TheSamePathAndLabelsGiveTheSameObject") {
  Registry registry;
  Counter& cars = registry.counter("executor.submitted", {{"lane", "cars"}}, "Queries submitted");
  Counter& bikes = registry.counter("executor.submitted", {{"lane", "bikes"}}, "Queries submitted");
  CHECK(&cars == &registry.counter("executor.submitted", {{"lane", "cars"}}, "ignored"));
  CHECK(&cars != &bikes);
  CHECK(&cars != &registry.counter("executor.fresh", {{"lane", "cars"}}, "Fresh"));
}

TEST_CASE("APathWithTwoKindsIsAProgrammingError") {
  Registry registry;
  registry.counter("executor.running", {}, "Running");
  CHECK_THROWS_AS(registry.gauge("executor.running", {}, "Running"), std::logic_error);
}

TEST_CASE("LabelsStandAfterTheFirstComponentAndAtTheEnd") {
  Registry registry;
  registry.counter("executor.submitted", {{"lane", "cars"}}, "").add(12);
  registry.counter("executor.shed", {{"lane", "cars"}, {"cause", "queue_full"}}, "").add(3);
  registry.counter("executor.shed", {{"lane", "cars"}, {"cause", "admission"}}, "").add();
  registry.gauge("runtime.threads", {}, "").set(-2);
  registry.gauge("threads", {}, "").add(4);
  const Stats stats = stats_of(registry);
  CHECK(stats.json() ==
        R"({"executor":{"cars":{"shed":{"admission":1,"queue_full":3},"submitted":12}},)"
        R"("runtime":{"threads":-2},"threads":4})");
  CHECK(stats.value("executor.cars.submitted") == 12.0);
  CHECK(stats.value("executor.cars.shed.queue_full") == 3.0);
  CHECK(stats.value("runtime.threads") == -2.0);
  CHECK(stats.value("threads") == 4.0);
  for (std::string_view path :
       {"", "executor", "executor.cars", "executor.car.submitted", "threads.",
        "executor.cars.submitted.", "executor..submitted", "nothing"}) {
    CHECK_FALSE(stats.value(path).has_value());
  }
}

TEST_CASE("ALabelWithDotsIsFoundAsItIsWritten") {
  Registry registry;
  registry.counter("http.requests", {{"origin", "a"}}, "").add(1);
  registry.counter("http.requests", {{"origin", "a.example.com"}}, "").add(2);
  CHECK(stats_of(registry).value("http.a.example.com.requests") == 2.0);
  CHECK(stats_of(registry).value("http.a.requests") == 1.0);
}

TEST_CASE("ANumberWhereATreeIsNeededMovesIntoIt") {
  Registry registry;
  registry.counter("executor.shed", {{"lane", "cars"}}, "").add(1);
  registry.counter("executor.shed", {{"lane", "cars"}, {"cause", "closed"}}, "").add(2);
  registry.counter("executor.cars", {}, "").add(3);
  CHECK(stats_of(registry).json() == R"({"executor":{"cars":{"_":3,"shed":{"_":1,"closed":2}}}})");
}

TEST_CASE("PrometheusTextHasOneHeaderPerMetricAndEscapedLabels") {
  Registry registry;
  registry.counter("executor.submitted", {{"lane", "a\"b\\c\nd"}}, "Back\\slash\nand newline")
      .add(7);
  registry.counter("executor.submitted", {{"lane", "cars"}, {"kind", "x"}}, "ignored").add();
  registry.gauge("executor.running", {{"lane", "cars"}}, "Running now").set(-1);
  registry.gauge("runtime.threads", {}, "Threads").set(2);
  CHECK(stats_of(registry).prometheus() ==
        "# HELP tidegate_executor_running Running now\n"
        "# TYPE tidegate_executor_running gauge\n"
        "tidegate_executor_running{lane=\"cars\"} -1\n"
        "# HELP tidegate_executor_submitted_total Back\\\\slash\\nand newline\n"
        "# TYPE tidegate_executor_submitted_total counter\n"
        "tidegate_executor_submitted_total{lane=\"a\\\"b\\\\c\\nd\"} 7\n"
        "tidegate_executor_submitted_total{lane=\"cars\",kind=\"x\"} 1\n"
        "# HELP tidegate_runtime_threads Threads\n"
        "# TYPE tidegate_runtime_threads gauge\n"
        "tidegate_runtime_threads 2\n");
}

TEST_CASE("PrometheusHistogramsAreCumulativeInSeconds") {
  Registry registry;
  Histogram& wait = registry.histogram("executor.wait", {{"lane", "cars"}}, "Time in the queue");
  for (Duration duration : {Duration(0), Duration(-5s), Duration(1ms), Duration(1ms + 1ns),
                            Duration(2s), Duration(400s), Duration(5000s)}) {
    wait.record(duration);
  }
  const std::string text = stats_of(registry).prometheus();
  for (std::string_view line :
       {"# TYPE tidegate_executor_wait_seconds histogram\n",
        "tidegate_executor_wait_seconds_bucket{lane=\"cars\",le=\"0.0001\"} 2\n",
        "tidegate_executor_wait_seconds_bucket{lane=\"cars\",le=\"0.001\"} 3\n",
        "tidegate_executor_wait_seconds_bucket{lane=\"cars\",le=\"0.005\"} 4\n",
        "tidegate_executor_wait_seconds_bucket{lane=\"cars\",le=\"1\"} 4\n",
        "tidegate_executor_wait_seconds_bucket{lane=\"cars\",le=\"2.5\"} 5\n",
        "tidegate_executor_wait_seconds_bucket{lane=\"cars\",le=\"30\"} 5\n",
        "tidegate_executor_wait_seconds_bucket{lane=\"cars\",le=\"+Inf\"} 7\n",
        "tidegate_executor_wait_seconds_sum{lane=\"cars\"} 5402.002000001\n",
        "tidegate_executor_wait_seconds_count{lane=\"cars\"} 7\n"}) {
    CAPTURE(line);
    CHECK(contains(text, line));
  }
  CHECK(count_of(text, "_bucket") == kPrometheusBounds.size() + 1);
}

TEST_CASE("QuantilesAreNeverTooLowAndRightToAnEighth") {
  Histogram histogram;
  std::mt19937_64 random(3);
  std::vector<Duration> all;
  for (int i = 0; i < 20'000; ++i) {
    const Duration duration(1'000 +
                            static_cast<std::int64_t>(random() % (1ULL << (10 + random() % 30))));
    all.push_back(duration);
    histogram.record(duration);
  }
  std::sort(all.begin(), all.end());
  const auto reading = histogram.read();
  CHECK(reading.count == all.size());
  CHECK(reading.max == all.back());
  for (double share : {0.0, 0.5, 0.9, 0.95, 0.99, 1.0}) {
    const auto rank = static_cast<std::size_t>(share * 20'000.0);
    const Duration exact = all[rank == 0 ? 0 : rank - 1];
    const Duration got = reading.quantile(share);
    CAPTURE(share);
    CHECK(got >= exact);
    CHECK(got.count() <= exact.count() * 9 / 8 + 1);
  }
}

TEST_CASE("AnEmptyHistogramAndExtremeRecordsAreHarmless") {
  Histogram histogram;
  CHECK(histogram.read().quantile(0.99) == 0ns);
  histogram.record(Duration::max());
  histogram.record(Duration::min());
  histogram.record(3ms);
  const auto reading = histogram.read();
  CHECK(reading.count == 3);
  CHECK(reading.max == 1'000'000s);
  CHECK(reading.quantile(1.0) == 1'000'000s);
  CHECK(reading.quantile(0.5) == 3ms);
}

TEST_CASE("AHistogramInTheTreeIsASmallTreeOfSeconds") {
  Registry registry;
  Histogram& wait = registry.histogram("executor.wait", {{"lane", "cars"}}, "");
  wait.record(10ms);
  wait.record(30ms);
  const Stats stats = stats_of(registry);
  CHECK(stats.value("executor.cars.wait.count") == 2.0);
  CHECK(stats.value("executor.cars.wait.sum_s") == 0.04);
  CHECK(stats.value("executor.cars.wait.p50_s") == 0.01);
  CHECK(stats.value("executor.cars.wait.p95_s") == 0.03);
  CHECK(stats.value("executor.cars.wait.p99_s") == 0.03);
  CHECK(stats.value("executor.cars.wait.max_s") == 0.03);
}

TEST_CASE("LabelValuesFromAnywhereAreCleanedAndCut [J3]") {
  Registry registry;
  const std::string is_long(1'000, 'x');
  registry.counter("http.requests", {{"origin", is_long}}, "").add();
  registry.counter("http.requests", {{"origin", "\xff\"\n\x01"}}, "").add();
  std::string cut_inside = std::string(127, 'a') + "é";
  registry.counter("http.requests", {{"origin", cut_inside}}, "").add();
  const Stats stats = stats_of(registry);
  CHECK_FALSE(contains(stats.json(), std::string(129, 'x')));
  CHECK(contains(stats.json(), "\"" + std::string(128, 'x') + "\""));
  CHECK(contains(stats.json(), "\"" + std::string(127, 'a') + "\""));
  CHECK(contains(stats.json(), "\xEF\xBF\xBD\\\"\\n\\u0001"));
  CHECK(Json::parse(stats.json()).ok());
  CHECK(contains(stats.prometheus(), "\xEF\xBF\xBD\\\"\\n\x01"));
  CHECK(&registry.counter("http.requests", {{"origin", is_long}}, "") ==
        &registry.counter("http.requests", {{"origin", is_long + "y"}}, ""));
}

TEST_CASE("BeyondAThousandLabelSetsTheyAreCountedAsOther") {
  Registry registry;
  for (int i = 0; i < 1'500; ++i) {
    registry.counter("http.requests", {{"origin", "o" + std::to_string(i)}, {"verb", "GET"}}, "")
        .add();
  }
  registry.counter("executor.submitted", {{"lane", "cars"}}, "").add();
  const Stats stats = stats_of(registry);
  CHECK(stats.value("http.o999.requests.GET") == 1.0);
  CHECK_FALSE(stats.value("http.o1000.requests.GET").has_value());
  CHECK(stats.value("http.other.requests.other") == 500.0);
  CHECK(stats.value("executor.cars.submitted") == 1.0);
  CHECK(count_of(stats.prometheus(), "origin=") == 1'001);
}

TEST_CASE("ThreadsThatRegisterAndCountTheSameLoseNothing") {
  Registry registry;
  std::vector<std::thread> threads;
  std::latch start(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      start.arrive_and_wait();
      for (int i = 0; i < 200; ++i) {
        const std::string lane = "lane" + std::to_string(i);
        registry.counter("executor.submitted", {{"lane", lane}}, "").add();
        registry.histogram("executor.wait", {{"lane", lane}}, "").record(1ms);
        registry.gauge("executor.running", {{"lane", lane}}, "").add(i % 2 == 0 ? 1 : -1);
        if (i % 50 == 0) (void)stats_of(registry).json();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Stats stats = stats_of(registry);
  for (int i = 0; i < 200; ++i) {
    const std::string lane = "executor.lane" + std::to_string(i);
    CHECK(stats.value(lane + ".submitted") == 4.0);
    CHECK(stats.value(lane + ".wait.count") == 4.0);
    CHECK(stats.value(lane + ".running") == (i % 2 == 0 ? 4.0 : -4.0));
  }
  CHECK(registry.snapshot()->metrics.size() == 3);
}

TEST_CASE("ThreadsThatComeAndGoLoseNoCount") {
  Registry registry;
  Counter& counter = registry.counter("executor.submitted", {}, "");
  Gauge& inside = registry.gauge("gate.inside", {}, "");
  const int rounds = tidegate::test::repeat(20, 500);
  for (int round = 0; round < rounds; ++round) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) {
          counter.add();
          inside.count(1);
          inside.count(-1);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  CHECK(counter.value() == static_cast<std::uint64_t>(rounds) * 3000);
  CHECK(inside.value() == 0);
}

TEST_CASE("ASnapshotDoesNotChangeAfterwards") {
  Registry registry;
  Counter& counter = registry.counter("executor.submitted", {}, "");
  counter.add();
  const Stats before = stats_of(registry);
  counter.add();
  CHECK(before.value("executor.submitted") == 1.0);
  CHECK(stats_of(registry).value("executor.submitted") == 2.0);
}

TEST_CASE("StatsReadTheGlobalRegistry") {
  Registry::global().counter("metrics_test.events", {}, "Events of a test").add(5);
  CHECK(tidegate::stats().value("metrics_test.events") == 5.0);
  CHECK(contains(tidegate::stats().prometheus(), "tidegate_metrics_test_events_total 5\n"));
}

TEST_CASE("NumbersOfTheProgramStandBesideThoseOfTheLibrary") {
  tidegate::OwnCounter answers("metrics_test.answers", {{"status", "200"}}, "Answers of a test");
  tidegate::OwnCounter same("metrics_test.answers", {{"status", "200"}}, "Answers of a test");
  tidegate::OwnGauge open("metrics_test.open", {}, "Open in a test");
  answers.add();
  same.add(2);
  open.set(7);
  open.add(-3);
  const Stats now = tidegate::stats();
  CHECK(now.value("metrics_test.200.answers") == 3.0);
  CHECK(contains(now.prometheus(), "tidegate_metrics_test_answers_total{status=\"200\"} 3\n"));
  CHECK(now.value("metrics_test.open") == 4.0);
  for (const char* path : {"", ".a", "a.", "a..b", "A", "a b", "a\n", "a-b"}) {
    CHECK_THROWS_AS(tidegate::OwnGauge(path, {}, "None"), std::logic_error);
  }
  CHECK_THROWS_AS(tidegate::OwnCounter("metrics_test.open", {}, "None"), std::logic_error);
}

TEST_CASE("AForkedChildCanRegisterWhileTheParentsThreadsDo" *
          doctest::skip(!tidegate::test::kForksUnderLoad)) {
  std::atomic<bool> stop{false};
  std::thread busy([&stop] {
    for (int i = 0; !stop.load(); i = (i + 1) % 500) {
      const std::string n = std::to_string(i);
      Registry::global().counter("metrics_test.busy", {{"n", n}}, "").add();
    }
  });
  int failed = 0;
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      Registry::global().counter("metrics_test.child", {}, "").add();
      _exit(Registry::global().counter("metrics_test.child", {}, "").value() == 1 ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    failed += status == 0 ? 0 : 1;
  }
  stop = true;
  busy.join();
  CHECK(failed == 0);
}
