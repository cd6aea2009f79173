// SPDX-License-Identifier: Apache-2.0

#include "tidegate/log.hpp"

#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>

#include "base/log_record.hpp"
#include "base/text.hpp"

// Invariants
//   sinks    a stack of every sink ever set; the top is the one in use, null or empty means stderr.
//            Nothing is ever taken off, so a reader needs no lock.
//   sources  an append-only list, one node per key.
//   Source::word  the second (upper 40 bits) and how many lines it has had (lower 24 bits).
namespace tidegate {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"debug", "info", "warning", "error", "off"};

struct Sink {
  LogSink call;
  Sink* earlier;
};

struct Source {
  std::string key;
  std::size_t ordinal = 1;
  Source* next = nullptr;
  std::atomic<std::uint64_t> word{0};
};

constexpr std::size_t kMaxSources = 256;
constexpr unsigned kCountBits = 24;
constexpr std::uint64_t kCountMask = (1U << kCountBits) - 1;

constinit std::atomic<LogLevel> threshold{LogLevel::kWarning};
constinit std::atomic<Sink*> sinks{nullptr};
constinit std::atomic<Source*> sources{nullptr};
thread_local bool inside_sink = false;

Source& source_of(std::string_view key) {
  std::unique_ptr<Source> fresh;
  Source* searched = nullptr;
  Source* head = sources.load(std::memory_order_acquire);
  while (true) {
    for (Source* source = head; source != searched; source = source->next) {
      if (source->key == key) return *source;
    }
    searched = head;
    if (head != nullptr && head->ordinal >= kMaxSources) return *head;
    if (!fresh) fresh = std::make_unique<Source>();
    fresh->key = key;
    fresh->ordinal = head == nullptr ? 1 : head->ordinal + 1;
    fresh->next = head;
    if (sources.compare_exchange_strong(head, fresh.get(), std::memory_order_acq_rel)) {
      return *fresh.release();
    }
  }
}

// Counts one line. False where it is one too many; else `left_out` is how many the second before
// lost, given to one caller only.
bool admitted(Source& source, TimePoint now, std::uint64_t& left_out) noexcept {
  const auto since = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  const std::uint64_t second = (static_cast<std::uint64_t>(since) + 1) << kCountBits;
  std::uint64_t seen = source.word.load(std::memory_order_relaxed);
  while (true) {
    // A thread that read the clock earlier counts into the later second.
    const std::uint64_t count = seen & kCountMask;
    const bool same = seen >= second;
    const std::uint64_t next = !same ? second | 1U : count == kCountMask ? seen : seen + 1;
    if (!source.word.compare_exchange_weak(seen, next, std::memory_order_relaxed)) continue;
    left_out =
        !same && count > internal::kLogLinesPerSecond ? count - internal::kLogLinesPerSecond : 0;
    return !same || count < internal::kLogLinesPerSecond;
  }
}

void to_stderr(LogLevel level, std::string_view line) {
  std::string text = "tidegate ";
  text.append(log_level_name(level)).append(": ").append(line).append("\n");
  // One call, so that lines of several processes do not mix; a lost line is not worth a retry.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

void say(LogLevel level, std::string_view line) {
  const Sink* sink = sinks.load(std::memory_order_acquire);
  if (sink != nullptr && sink->call) {
    sink->call(level, line);
  } else {
    to_stderr(level, line);
  }
}

}  // namespace

std::string_view log_level_name(LogLevel level) noexcept {
  const auto index = static_cast<std::size_t>(level);
  return index < kNames.size() ? kNames[index] : kNames.back();
}

std::optional<LogLevel> parse_log_level(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

void set_log_sink(LogSink sink) {
  auto fresh = std::make_unique<Sink>(Sink{std::move(sink), sinks.load(std::memory_order_acquire)});
  while (!sinks.compare_exchange_weak(fresh->earlier, fresh.get(), std::memory_order_acq_rel)) {
  }
  (void)fresh.release();
}

void set_log_level(LogLevel level) noexcept { threshold.store(level, std::memory_order_relaxed); }

LogLevel log_level() noexcept { return threshold.load(std::memory_order_relaxed); }

void internal::log(LogLevel level, std::string_view key, std::string_view message) noexcept {
  log(level, key, message, Deadline::now());
}

void internal::log(LogLevel level, std::string_view key, std::string_view message,
                   TimePoint now) noexcept {
  if (level < log_level() || inside_sink) return;
  inside_sink = true;
  try {
    std::uint64_t left_out = 0;
    if (admitted(source_of(key), now, left_out)) {
      std::string line = std::string(key) + ": " + one_line(message, kLogLineBytes);
      if (left_out != 0) line += " (" + std::to_string(left_out) + " lines before it left out)";
      say(level, line);
    }
  } catch (...) {  // no memory, or a sink that throws: there is nobody to tell
  }
  inside_sink = false;
}

void internal::log_unlimited(LogLevel level, std::string_view key,
                             std::string_view message) noexcept {
  if (level < log_level() || inside_sink) return;
  inside_sink = true;
  try {
    say(level, std::string(key) + ": " + one_line(message, kLogLineBytes));
  } catch (...) {  // as above
  }
  inside_sink = false;
}

}  // namespace tidegate
