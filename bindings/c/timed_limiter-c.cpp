// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <memory>

#include "guard.hpp"
#include "limiter.hpp"

namespace tidegate::c {

// Times are since the epoch from here on, so that none is beyond what a limiter counts.
class TimedLimiterObject final : public Object {
 public:
  TimedLimiterObject(const LimiterOptions& options, std::int64_t epoch_ns)
      : limiter(options), epoch_ns_(epoch_ns) {}

  TimePoint at(std::int64_t now_ns) const noexcept {
    constexpr Duration kLongest = std::chrono::hours(24) * 365 * 8;
    std::int64_t since = 0;
    const bool overflows = __builtin_sub_overflow(now_ns, epoch_ns_, &since);
    if (overflows) return TimePoint(now_ns < 0 ? Duration::zero() : kLongest);
    return TimePoint(std::clamp(Duration(since), Duration::zero(), kLongest));
  }

  const TimedLimiter limiter;

 private:
  const std::int64_t epoch_ns_;
};

template <>
struct ObjectOf<tidegate_timed_limiter> : Behind<TimedLimiterObject, Kind::kTimedLimiter> {};

namespace {

constexpr char kTimedLimiterType[] = "tidegate_timed_limiter";

}  // namespace
}  // namespace tidegate::c

using namespace tidegate;     // NOLINT(google-build-using-namespace)
using namespace tidegate::c;  // NOLINT(google-build-using-namespace)

tidegate_status tidegate_timed_limiter_create(const char* name,
                                              const tidegate_limiter_options* given,
                                              int64_t epoch_ns, tidegate_timed_limiter** limiter,
                                              tidegate_error** err) {
  return guard(err, [&] {
    Status status = clear(limiter);
    if (!status.ok()) return status;
    if (!name || !*name) return bad_argument("the limiter has no name");
    Result<LimiterOptions> options = limiter_options(given);
    if (!options.ok()) return options.status();
    if (options->values().share != Share::kProcess) {
      return Status(Cause::kConfig, "a limiter that is told the time shares with nobody");
    }
    auto made = std::make_unique<TimedLimiterObject>(options->name(name), epoch_ns);
    status = made->limiter.status();
    return status.ok() ? give(limiter, std::move(made)) : status;
  });
}

void tidegate_timed_limiter_destroy(tidegate_timed_limiter* limiter) { give_back(limiter); }

tidegate_status tidegate_timed_limiter_try_acquire(tidegate_timed_limiter* handle, int64_t now_ns,
                                                   uint32_t weight, int64_t* wait_ns) {
  return guard_value<tidegate_status>(TIDEGATE_RESOURCE_EXHAUSTED, [&]() -> tidegate_status {
    if (wait_ns) *wait_ns = 0;
    const Pin limiter(handle);
    if (!limiter) return TIDEGATE_INVALID_ARGUMENT;
    const Verdict verdict = limiter->limiter.try_acquire(limiter->at(now_ns), weight);
    if (verdict) return TIDEGATE_OK;
    if (verdict.retry_after() == Duration::max()) return TIDEGATE_INVALID_ARGUMENT;
    if (wait_ns) *wait_ns = verdict.retry_after().count();
    return TIDEGATE_RESOURCE_EXHAUSTED;
  });
}

int64_t tidegate_timed_limiter_wait_ns(tidegate_timed_limiter* handle, int64_t now_ns,
                                       uint32_t weight) {
  return guard_value<std::int64_t>(-1, [&]() -> std::int64_t {
    const Pin limiter(handle);
    if (!limiter) return -1;
    const Duration wait = limiter->limiter.wait(limiter->at(now_ns), weight);
    return wait == Duration::max() ? -1 : wait.count();
  });
}

tidegate_status tidegate_timed_limiter_stats(tidegate_timed_limiter* handle,
                                             tidegate_limiter_counts* counts,
                                             tidegate_error** err) {
  return guard(err, [&] {
    const Pin limiter(handle);
    if (!limiter) return no_handle(handle, kTimedLimiterType);
    return write_counts(limiter->limiter.stats(), counts);
  });
}
