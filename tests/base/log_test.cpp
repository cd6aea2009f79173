// SPDX-License-Identifier: Apache-2.0

#include "tidegate/log.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/log_record.hpp"
#include "support/deep.hpp"
#include "support/ear.hpp"

using namespace tidegate;
using namespace std::chrono_literals;
using test::Ear;
using tidegate::internal::kLogLinesPerSecond;
using tidegate::internal::log;

namespace {

constexpr TimePoint kStart{1000s};

// What `body` writes to stderr.
template <class Body>
std::string stderr_of(Body body) {
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  const int saved = dup(STDERR_FILENO);
  dup2(ends[1], STDERR_FILENO);
  close(ends[1]);
  body();
  dup2(saved, STDERR_FILENO);
  close(saved);
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t got; (got = read(ends[0], buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  close(ends[0]);
  return text;
}

}  // namespace

TEST_CASE("WithoutASinkALineGoesToStderr") {
  const std::string text =
      stderr_of([] { log(LogLevel::kError, "log_stderr", "it broke", kStart); });
  CHECK(text == "tidegate error: log_stderr: it broke\n");
}

TEST_CASE("ALineThatStderrDoesNotTakeIsDropped [E5]") {
  const int saved = dup(STDERR_FILENO);
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  REQUIRE(full >= 0);
  dup2(full, STDERR_FILENO);
  close(full);
  log(LogLevel::kError, "log_full", "lost", kStart);
  close(STDERR_FILENO);
  log(LogLevel::kError, "log_full", "lost too", kStart);
  dup2(saved, STDERR_FILENO);
  close(saved);
  CHECK(stderr_of([] { log(LogLevel::kError, "log_full", "heard", kStart); }) ==
        "tidegate error: log_full: heard\n");
}

TEST_CASE("ASinkHearsWhatReachesTheLevel") {
  const Ear ear;
  log(LogLevel::kInfo, "log_level", "not said", kStart);
  log(LogLevel::kWarning, "log_level", "said", kStart);
  set_log_level(LogLevel::kDebug);
  log(LogLevel::kDebug, "log_level", "said too", kStart);
  set_log_level(LogLevel::kOff);
  log(LogLevel::kError, "log_level", "not said", kStart);
  CHECK(ear.lines() ==
        std::vector<std::string>{"warning log_level: said", "debug log_level: said too"});
}

TEST_CASE("ALineIsEscapedAndCut") {
  const Ear ear;
  log(LogLevel::kError, "log_escape", "a\nb\r\x1b[0m\\ \xff é", kStart);
  log(LogLevel::kError, "log_escape", std::string(100'000, 'x'), kStart);
  const auto lines = ear.lines();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == "error log_escape: a\\nb\\r\\x1b[0m\\\\ \xEF\xBF\xBD é");
  CHECK(lines[1].size() < 550);
  CHECK(lines[1].ends_with("x…"));
}

TEST_CASE("AKeyIsHeardTenTimesASecondAndTheRestIsCounted") {
  const Ear ear;
  for (int i = 0; i < 25; ++i) log(LogLevel::kError, "log_flood", "again", kStart + 1ms * i);
  log(LogLevel::kError, "log_other", "another key", kStart);
  CHECK(ear.lines().size() == kLogLinesPerSecond + 1);
  log(LogLevel::kError, "log_flood", "again", kStart + 1s);
  log(LogLevel::kError, "log_flood", "again", kStart + 1s);
  const auto lines = ear.lines();
  REQUIRE(lines.size() == kLogLinesPerSecond + 3);
  CHECK(lines[kLogLinesPerSecond + 1] == "error log_flood: again (15 lines before it left out)");
  CHECK(lines[kLogLinesPerSecond + 2] == "error log_flood: again");
}

TEST_CASE("ManyThreadsShareTheLimitOfAKey") {
  const Ear ear;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([] {
      for (int n = 0; n < 1'000; ++n) log(LogLevel::kError, "log_threads", "again", kStart);
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(ear.lines().size() == kLogLinesPerSecond);
  log(LogLevel::kError, "log_threads", "again", kStart + 1s);
  CHECK(ear.lines().back() == "error log_threads: again (7990 lines before it left out)");
}

TEST_CASE("ASinkThatThrowsOrLogsDoesNoHarm") {
  int calls = 0;
  set_log_sink([&calls](LogLevel, std::string_view) {
    ++calls;
    log(LogLevel::kError, "log_inner", "from inside", kStart);
    throw std::runtime_error("no");
  });
  log(LogLevel::kError, "log_throws", "one", kStart);
  log(LogLevel::kError, "log_throws", "two", kStart);
  set_log_sink(nullptr);
  CHECK(calls == 2);
}

TEST_CASE("LevelsHaveNamesAndTheNamesAreRead") {
  for (LogLevel level :
       {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError, LogLevel::kOff}) {
    CHECK(parse_log_level(log_level_name(level)) == level);
  }
  CHECK_FALSE(parse_log_level("WARNING").has_value());
  CHECK(log_level_name(static_cast<LogLevel>(-1)) == "off");
}

TEST_CASE("AForkedChildCanLogWhileTheParentsThreadsDo" * doctest::skip(!test::kForksUnderLoad)) {
  const Ear ear;
  std::atomic<bool> stop{false};
  std::thread busy([&stop] {
    for (int i = 0; !stop.load(); ++i) {
      log(LogLevel::kError, "log_busy", "again", kStart + 1ms * i);
      if (i % 100 == 0) set_log_level(LogLevel::kWarning);
    }
  });
  int failed = 0;
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      // The sink's own mutex may be held by a thread that is not here.
      set_log_sink([](LogLevel, std::string_view) { _exit(0); });
      log(LogLevel::kError, "log_child", "here", kStart);
      _exit(1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    failed += status == 0 ? 0 : 1;
  }
  stop = true;
  busy.join();
  CHECK(failed == 0);
}
