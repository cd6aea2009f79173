// SPDX-License-Identifier: Apache-2.0
// The defaults are sentences in docs/concepts/executor.md, rows in the configuration's table, and
// what the code does: all three say the same.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "policy/overload.hpp"
#include "query/sqlite_session.hpp"
#include "support/event.hpp"
#include "tidegate/page.hpp"
#include "tidegate/query.hpp"

using namespace tidegate;
using test::Event;

namespace {

std::string page() {
  const char* root = std::getenv("TIDEGATE_SOURCE_DIR");
  REQUIRE_MESSAGE(root != nullptr, "TIDEGATE_SOURCE_DIR must name the source tree");
  std::ifstream file(std::string(root) + "/docs/concepts/executor.md");
  REQUIRE(file.good());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// 100000 → "100,000"
std::string number(std::size_t value) {
  std::string text = std::to_string(value);
  for (std::size_t place = text.size(); place > 3; place -= 3) text.insert(place - 3, ",");
  return text;
}

std::string mebibytes(std::size_t bytes) { return number(bytes >> 20) + " MiB"; }

// How many of the calls of a lane run at once.
template <class Lane, class Start>
std::size_t running_of(const Lane& lane, Start start) {
  for (int i = 0; i < 40; ++i) start();
  return lane.stats().running;
}

}  // namespace

TEST_CASE("TheDefaultsAreWhatThePageSays") {
  const ExecutorOptions::Values executor = ExecutorOptions().values();
  const SqliteOptions::Values sqlite = SqliteOptions().values();
  const Config config;
  const std::vector<std::string> sentences = {
      "A database runs " + number(sqlite.concurrency) + " queries at once",
      "A group of callables runs " +
          number(static_cast<std::size_t>(config.integer("executor.callable_concurrency"))) +
          " of them at once",
      "All lanes of an executor together run at most " + number(executor.max_running) +
          " calls at once",
      "at most " + number(executor.queue) + " calls wait in one lane",
      "A call that sets no timeout has " + format_duration(executor.query_timeout),
      "A page has " + format_duration(config.duration("executor.page_timeout")),
      "A lane may have " + number(executor.zombies_per_permit) + " zombies for each permit",
      "4 permits are " + number(4 + 4 * executor.zombies_per_permit) + " threads at the very most",
      "waited longer than " + number(policy::Overload::kTarget / std::chrono::milliseconds(1)) +
          " ms for " + format_duration(policy::Overload::kInterval),
      "looks every " + number(internal::SqliteSession::kTickSteps) + " steps",
      "A result has at most " + number(sqlite.max_rows) + " rows and " +
          mebibytes(sqlite.max_bytes),
      "One text or blob has at most " + mebibytes(sqlite.max_value_bytes),
      "A query waits for a lock for at most " + format_duration(sqlite.busy_timeout),
      "waits for threads for at most " +
          format_duration(config.duration("runtime.shutdown_timeout")),
  };
  const std::string text = page();
  for (const std::string& sentence : sentences) {
    CHECK_MESSAGE(text.find(sentence) != std::string::npos,
                  "docs/concepts/executor.md: ", sentence);
  }
  CHECK(!sqlite.writable);
  CHECK(text.find("Databases are opened for reading only, unless `writable()` says otherwise") !=
        std::string::npos);
}

TEST_CASE("OptionsFromAnEmptyConfigurationAreTheDefaults") {
  const Config config;
  const auto executor = ExecutorOptions::from(config).values();
  CHECK(executor.max_running == ExecutorOptions().values().max_running);
  CHECK(executor.queue == ExecutorOptions().values().queue);
  CHECK(executor.query_timeout == ExecutorOptions().values().query_timeout);
  CHECK(executor.zombies_per_permit == ExecutorOptions().values().zombies_per_permit);
  CHECK_FALSE(executor.gate.has_value());
  const auto sqlite = SqliteOptions::from(config).values();
  CHECK(sqlite.concurrency == SqliteOptions().values().concurrency);
  CHECK(sqlite.max_rows == SqliteOptions().values().max_rows);
  CHECK(sqlite.max_bytes == SqliteOptions().values().max_bytes);
  CHECK(sqlite.max_value_bytes == SqliteOptions().values().max_value_bytes);
  CHECK(sqlite.busy_timeout == SqliteOptions().values().busy_timeout);
  CHECK(sqlite.writable == SqliteOptions().values().writable);
  CHECK_FALSE(sqlite.gate.has_value());
  CHECK(SqliteOptions::from(Service::from(config, "encar")).values().concurrency ==
        sqlite.concurrency);
}

TEST_CASE("ALaneOfCallablesRunsSixteenAtOnceByDefault") {
  Executor ex;
  const auto usual = static_cast<std::size_t>(Config().integer("executor.callable_concurrency"));
  Event over;
  const auto calls = ex.callables("default-callables");
  CHECK(running_of(calls, [&] { (void)calls.call([over] { over.wait(); }).start(); }) == usual);
  over.set();

  const auto external = ex.external("default-external");
  const auto submit = [&] { (void)external.submit(1, {}, nullptr); };
  CHECK(running_of(external, submit) == usual);
}

TEST_CASE("ACallWithoutATimeoutHasTheExecutorsAndAPageTheEarlier") {
  Executor ex(ExecutorOptions().query_timeout(std::chrono::hours(1)));
  const auto calls = ex.callables("default-timeout");
  const auto left = [](const StopSignal& stop) { return stop.deadline().left().count(); };
  const auto alone = calls.call(left).start().wait();
  REQUIRE(alone.ok());
  CHECK(Duration(alone->value) > std::chrono::minutes(59));
  CHECK(Duration(alone->value) <= std::chrono::hours(1));
  Page page(std::chrono::minutes(30));
  const auto inside = page.add(calls.call(left)).wait();
  REQUIRE(inside.ok());
  CHECK(Duration(inside->value) <= std::chrono::minutes(30));
}
