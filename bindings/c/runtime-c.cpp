// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <string_view>

#include "guard.hpp"
#include "objects.hpp"
#include "tidegate/log.hpp"
#include "tidegate/metrics.hpp"
#include "tidegate/runtime.hpp"

namespace tidegate::c {
namespace {

static_assert(static_cast<tidegate_log_level>(LogLevel::kDebug) == TIDEGATE_LOG_DEBUG &&
              static_cast<tidegate_log_level>(LogLevel::kInfo) == TIDEGATE_LOG_INFO &&
              static_cast<tidegate_log_level>(LogLevel::kWarning) == TIDEGATE_LOG_WARNING &&
              static_cast<tidegate_log_level>(LogLevel::kError) == TIDEGATE_LOG_ERROR &&
              static_cast<tidegate_log_level>(LogLevel::kOff) == TIDEGATE_LOG_OFF);

constexpr auto kFar = std::chrono::hours(24 * 365);

tidegate_status give_stats(tidegate_bytes** to, StatsOf whose,
                           std::string (Stats::*rendered)() const) {
  return guard(nullptr, [&] {
    Status ready = clear(to);
    if (!ready.ok()) return ready;
    return give(to, std::make_unique<BytesObject>((stats(whose).*rendered)()));
  });
}

}  // namespace
}  // namespace tidegate::c

using namespace tidegate;     // NOLINT(google-build-using-namespace)
using namespace tidegate::c;  // NOLINT(google-build-using-namespace)

tidegate_status tidegate_runtime_shutdown(int64_t timeout_ms) {
  return guard(nullptr, [&] {
    if (InsideCallback::now()) {
      return Status(Cause::kClosed, "a callback cannot wait for the thread that it runs on");
    }
    return shutdown(std::min<Duration>(deadline_in_ms(timeout_ms).left(), kFar));
  });
}

int tidegate_runtime_is_shut_down(void) {
  return guard_value(0, [] { return is_shut_down() ? 1 : 0; });
}

int tidegate_runtime_quiesce(void) {
  return guard_value(0, [] { return !InsideCallback::now() && quiesce() ? 1 : 0; });
}

size_t tidegate_runtime_thread_count(void) { return thread_count(); }

size_t tidegate_runtime_handle_count(void) { return live_objects(); }

tidegate_status tidegate_stats_json(tidegate_bytes** json) {
  return give_stats(json, StatsOf::kThisProcess, &Stats::json);
}

tidegate_status tidegate_stats_prometheus(tidegate_bytes** text) {
  return give_stats(text, StatsOf::kThisProcess, &Stats::prometheus);
}

tidegate_status tidegate_stats_all_json(tidegate_bytes** json) {
  return give_stats(json, StatsOf::kAllWorkers, &Stats::json);
}

tidegate_status tidegate_stats_all_prometheus(tidegate_bytes** text) {
  return give_stats(text, StatsOf::kAllWorkers, &Stats::prometheus);
}

tidegate_status tidegate_stats_share(const char* directory) {
  return guard(nullptr, [&] { return share_stats(directory ? directory : ""); });
}

void tidegate_log_set_sink(tidegate_log_fn fn, void* user) {
  guard(nullptr, [&] {
    if (!fn) {
      set_log_sink(LogSink());
      return Status();
    }
    set_log_sink([fn, user](LogLevel level, std::string_view line) {
      const InsideCallback inside;
      fn(static_cast<tidegate_log_level>(level), std::string(line).c_str(), user);
    });
    return Status();
  });
}

void tidegate_log_set_level(tidegate_log_level level) {
  if (level >= TIDEGATE_LOG_DEBUG && level <= TIDEGATE_LOG_OFF) {
    set_log_level(static_cast<LogLevel>(level));
  }
}
