// SPDX-License-Identifier: Apache-2.0
#include "gate/worker_count.hpp"

#include <atomic>
#include <charconv>
#include <cstdlib>

#include "tidegate/share.hpp"

namespace tidegate {

namespace {

constinit std::atomic<std::size_t> expected{0};

constexpr std::size_t kMost = 10'000;

std::optional<std::size_t> count_of(std::string_view text) noexcept {
  std::size_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (count == 0 || count > kMost) return std::nullopt;
  return count;
}

std::string_view variable(const char* name) noexcept {
  const char* const value = std::getenv(name);
  return value ? std::string_view(value) : std::string_view();
}

}  // namespace

void expect_workers(std::size_t count) noexcept { expected.store(count); }
std::size_t expected_workers() noexcept { return internal::workers_seen().count; }

namespace internal {

std::optional<std::size_t> workers_in_arguments(std::string_view arguments) noexcept {
  std::optional<std::size_t> found;
  bool is_next = false;
  while (!arguments.empty()) {
    const std::string_view word = arguments.substr(0, arguments.find(' '));
    arguments.remove_prefix(std::min(arguments.size(), word.size() + 1));
    if (word.empty()) continue;
    std::optional<std::size_t> here;
    if (is_next) here = count_of(word);
    is_next = word == "-w" || word == "--workers";
    if (word.starts_with("--workers=")) here = count_of(word.substr(10));
    if (word.starts_with("-w") && word.size() > 2) here = count_of(word.substr(2));
    if (here) found = here;
  }
  return found;
}

policy::LintWorkers workers_seen() noexcept {
  if (const std::size_t count = expected.load()) return {count, "as the program says"};
  if (const auto count = workers_in_arguments(variable("GUNICORN_CMD_ARGS"))) {
    return {*count, "GUNICORN_CMD_ARGS"};
  }
  for (const char* name : {"WEB_CONCURRENCY", "WORKER_COUNT"}) {
    if (const auto count = count_of(variable(name))) return {*count, name};
  }
  return {};
}

}  // namespace internal

}  // namespace tidegate
